"""Where a run lives: hosts, SSH, rsync, bootstrap, sandbox, handoff, pull back and notifications."""
