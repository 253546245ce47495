"""An agent's login on a real host, in a terminal of its own."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from agent.profiles import load_profile
from remote.errors import RemoteError
from remote.hostkeys import HostKeys
from remote.terminal_login import login_command
from tests.hosts import HostForTests


def _run(argv: list[str]) -> tuple[int, str]:
    """On a terminal, as a user has it; its output."""
    main, side = pty.openpty()
    process = subprocess.Popen(argv, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    said = b""
    while True:
        try:
            piece = os.read(main, 4096)
        except OSError:  # how Linux says that nobody has the other side any more
            break
        said += piece
    os.close(main)
    return process.wait(), said.decode()


def test_it_runs_there_in_a_terminal(sshd_host: HostForTests, tmp_path: Path) -> None:
    program = sshd_host.home / "log me in"
    program.write_text('#!/bin/sh\ntest -t 0 && test -t 1 && echo "logged in as $(id -un): $1"\n')
    program.chmod(0o755)
    sshd_host.own(program)
    profile = load_profile("codex").model_copy(update={"login_command": (str(program), "a b; $(id)")})
    (tmp_path / "config").touch()
    status, said = _run(login_command(sshd_host.host, profile, sshd_host.host_keys, tmp_path / "config"))
    assert status == 0 and f"logged in as {sshd_host.user}: a b; $(id)" in said, said
    missing = profile.model_copy(update={"login_command": ("no-such-agent",)})
    assert _run(login_command(sshd_host.host, missing, sshd_host.host_keys, tmp_path / "config"))[0] == 127


@pytest.mark.parametrize("agent", ["claude", "gemini", "opencode", "qwen", "vibe"])
def test_the_login_is_that_of_the_agent_that_castoff_installed(
    agent: str, sshd_host: HostForTests, tmp_path: Path
) -> None:
    profile = load_profile(agent, tmp_path)
    place = sshd_host.home / ".local/share/castoff/agents" / Path(profile.find[0]).parent
    place.mkdir(parents=True, exist_ok=True)
    sshd_host.own(sshd_host.home / ".local")
    program = place / profile.login_command[0]
    before = program.rename(tmp_path / "real") if program.exists() else None
    program.write_text('#!/bin/sh\necho "$0: $*"\n')
    program.chmod(0o755)
    (tmp_path / "config").touch()
    try:
        status, said = _run(login_command(sshd_host.host, profile, sshd_host.host_keys, tmp_path / "config"))
    finally:
        program.unlink()
        if before is not None:
            before.rename(program)
    assert status == 0 and f"{program}: {' '.join(profile.login_command[1:])}" in said, said


def test_a_host_whose_key_is_not_pinned_is_not_talked_to(sshd_host: HostForTests, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host *\n  StrictHostKeyChecking no\n")
    keys = HostKeys(tmp_path / "known 100% hosts")
    status, said = _run(login_command(sshd_host.host, load_profile("codex"), keys, tmp_path / "config"))
    assert status == 255 and "Host key verification failed" in said


def test_an_agent_without_a_login_says_what_to_do(sshd_host: HostForTests) -> None:
    with pytest.raises(RemoteError, match="no login of its own") as caught:
        login_command(sshd_host.host, load_profile("builtin"), sshd_host.host_keys)
    assert "castoff host secrets set vm" in caught.value.way_out
