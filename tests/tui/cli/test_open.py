"""``castoff [PATH]`` on a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path


def test_a_state_directory_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    leader, follower = pty.openpty()
    with os.fdopen(follower, "rb+", 0) as terminal, os.fdopen(leader, "rb", 0) as screen:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "tui.cli", str(tmp_path)],
            env={**os.environ, "CASTOFF_STATE": str(tmp_path / "file" / "state"), "TERM": "xterm"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            timeout=60,
            check=False,
        )
        said = os.read(screen.fileno(), 4096).decode()
    assert done.returncode == 1
    assert "Not a directory" in said and "Traceback" not in said
