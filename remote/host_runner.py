"""A run's runner on its host: started in a tmux server of its own, looked at, ended."""

import asyncio
import contextlib
import os
import signal
import sys
import time

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.reception import RunnerRecord
from agent.runner_lock import is_served
from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.keeper import find_keeper
from remote.tmux import Terminal

_END_SECONDS = 35.0
"""More than the end of its agent and then of its viewers may take: a runner that is killed before its polite end is
over leaves its agent behind."""
_DROPPED = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SSH_ORIGINAL_COMMAND", "SSH_AUTH_SOCK", "PYTHONPATH")


class TerminalRecord(Frozen):
    """The name of the tmux server that shows the run."""

    name: str


async def start_run(session: SessionDir) -> Terminal:
    """Start the run's runner in a new tmux server; raises `RemoteError`."""
    earlier = run_terminal(session)
    if earlier is not None and not await earlier.alive():
        await earlier.kill()
    # A dying server holds its socket for a moment: a fresh name for each start.
    name = f"{session.id}-{time.time_ns() // 1_000_000:x}"
    write_model(session.path / "terminal.json", TerminalRecord(name=name))
    terminal = Terminal(name)
    await terminal.start(
        [sys.executable, "-I", "-m", "remote.keeper", str(session.path)],
        env={key: value for key, value in os.environ.items() if key not in _DROPPED},
        cwd=session.path,
        log=session.path / "pane.log",
    )
    return terminal


def run_terminal(session: SessionDir) -> Terminal | None:
    """The tmux server that the run was last started in."""
    try:
        return Terminal(read_model(session.path / "terminal.json", TerminalRecord).name)
    except RecordDamaged:
        return None


async def is_alive(session: SessionDir) -> bool:
    """Whether the run's runner lives: it serves the session, or is just being started, the first time or again."""
    if _is_here(session):
        return True
    terminal = run_terminal(session)
    return terminal is not None and await terminal.alive()


async def end_run(session: SessionDir) -> None:
    """End the run's runner, for certain, and its terminal; nothing to do if there is none.

    When it returns, nothing of the run is running here. Raises `RemoteError` if that cannot be brought about.
    """
    await _end_processes(session)
    terminal = run_terminal(session)
    if terminal is not None:
        await terminal.kill()
        # A keeper that had just begun may have got past the end of its terminal.
        await _end_processes(session)


async def _end_processes(session: SessionDir) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not _is_here(session):
            return
        # A keeper passes a polite end on, and starts nothing again; killed, it cannot.
        if not _signal_keeper(session, sign) or sign == signal.SIGKILL:
            _signal_runner(session, sign)
        await _wait_ended(session)
    if _is_here(session):
        raise RemoteError(f"The runner of {session.id} does not end.", "Look at the host's processes.")


def _is_here(session: SessionDir) -> bool:
    return find_keeper(session.path) is not None or is_served(session)


def _signal_keeper(session: SessionDir, sign: signal.Signals) -> bool:
    """Whether there was a keeper to tell."""
    pid = find_keeper(session.path)
    if not pid:  # 0: one in another container, which cannot be told anything from here
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)
    return True


def _signal_runner(session: SessionDir, sign: signal.Signals) -> None:
    # Without a record it is just starting, or ending by itself: waiting is all there is to do.
    with contextlib.suppress(RecordDamaged, ProcessLookupError):
        os.kill(read_model(session.path / "runner.json", RunnerRecord).pid, sign)


async def _wait_ended(session: SessionDir) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while _is_here(session):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.02)


async def last_words(session: SessionDir) -> str:
    """The last line that the terminal shows: why a runner ended."""
    terminal = run_terminal(session)
    try:
        text = await terminal.text() if terminal else ""
    except RemoteError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Pane is dead")]
    return lines[-1] if lines else "it said nothing"
