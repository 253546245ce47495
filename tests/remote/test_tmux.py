"""A run's terminal: real tmux."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from remote.errors import HostLacks, TerminalFailed
from remote.tmux import Ended, Terminal
from tests.waiting import until

_ENV = {"PATH": os.environ["PATH"], "HOME": "/", "ASKED": "it's"}


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncGenerator[Terminal]:
    terminal = Terminal(
        "r1-1", tmp_path / "a long state directory, longer than a socket's path may be: %H #{pid}" / ("x" * 60)
    )
    yield terminal
    await terminal.kill()


async def _ended(terminal: Terminal) -> Ended:
    async with asyncio.timeout(60):
        while (ended := await terminal.ended()) is None:
            pass
    return ended


async def test_end_keeps_status_and_output(terminal: Terminal, tmp_path: Path) -> None:
    log, cwd = tmp_path / "log #{pid} %H it's", tmp_path / "cwd #{pid} it's"
    cwd.mkdir()
    argv = ["sh", "-c", 'printf "%s|%s|%s" "$1" "$ASKED" "$(pwd)"; sleep 0.1; exit 42', "sh", "a;b #{pid} $HOME;"]
    await terminal.start(argv, env=_ENV, cwd=cwd, log=log)
    assert await _ended(terminal) == Ended(status=42)
    assert not await terminal.alive()
    expected = f"a;b #{{pid}} $HOME;|it's|{cwd}"
    await until(lambda: log.read_text() == expected)
    assert log.read_text() == expected
    assert log.stat().st_mode & 0o777 == 0o600
    assert "a;b #{pid} $HOME;" in await terminal.text()
    assert terminal.socket.parent.stat().st_mode & 0o777 == 0o700
    assert terminal.attach_command() == ["tmux", "-S", str(terminal.socket), "attach"]


async def test_killed_command_and_environment(terminal: Terminal, tmp_path: Path) -> None:
    os.environ["CASTOFF_NOT_FOR_RUNS"] = "1"
    try:
        await terminal.start(["sh", "-c", "env; kill -9 $$"], env=_ENV, cwd=tmp_path, log=tmp_path / "log")
    finally:
        del os.environ["CASTOFF_NOT_FOR_RUNS"]
    assert await _ended(terminal) == Ended(signal=9)
    assert "CASTOFF_NOT_FOR_RUNS" not in (tmp_path / "log").read_text()


async def test_one_at_a_time_and_kill(terminal: Terminal, tmp_path: Path) -> None:
    assert not await terminal.alive()
    await terminal.start(["sleep", "300"], env=_ENV, cwd=tmp_path, log=tmp_path / "log")
    assert await terminal.alive()
    with pytest.raises(TerminalFailed, match="already runs"):
        await terminal.start(["true"], env=_ENV, cwd=tmp_path, log=tmp_path / "log")
    await terminal.kill()
    assert not await terminal.alive()
    with pytest.raises(TerminalFailed, match="No terminal runs"):
        await terminal.ended()
    await terminal.kill()


async def test_no_tmux_is_told(terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostLacks, match="tmux is not installed") as caught:
        await terminal.start(["true"], env={}, cwd=tmp_path, log=tmp_path / "log")
    assert caught.value.missing == ("tmux",)


async def test_a_silent_tmux_is_not_taken_for_none(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose terminal is only slow must not be called dead."""
    program = tmp_path / "bin" / "tmux"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(program.parent))
        patch.setattr("remote.tmux._SECONDS", 0.2)
        terminal.socket.touch()
        with pytest.raises(TerminalFailed, match="did not answer"):
            await terminal.alive()


async def test_whoever_looks_cannot_type_and_goes_back_by_q(terminal: Terminal, tmp_path: Path) -> None:
    onlooker = Terminal("r1-look", tmp_path / "elsewhere")
    await terminal.start(["sh", "-c", "echo shown; exec cat"], env=_ENV, cwd=tmp_path, log=tmp_path / "log")
    env = {**_ENV, "TERM": "screen-256color"}
    try:
        await onlooker.start(
            ["env", "-u", "TMUX", *await terminal.look_command()], env=env, cwd=tmp_path, log=tmp_path / "seen"
        )
        await until(lambda: "shown" in (tmp_path / "seen").read_text(errors="replace"))
        for key in ("a", "C-c", "C-d"):
            await onlooker._tmux(["send-keys", "-t", "run:", key])  # pyright: ignore[reportPrivateUsage]

        async def leave() -> bool:
            # Of keys that come in one burst tmux thinks that they were pasted: again, until it is taken as a key.
            await onlooker._tmux(["send-keys", "-t", "run:", "q"])  # pyright: ignore[reportPrivateUsage]
            return await onlooker.ended() is not None

        async with asyncio.timeout(60):
            while not await leave():
                pass
        assert await onlooker.ended() == Ended(status=0)
        assert await terminal.alive()
        assert "a" not in (tmp_path / "log").read_text()
    finally:
        await onlooker.kill()
