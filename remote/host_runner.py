"""A run's runner on its host: started in a tmux server of its own, looked at, ended."""

import os
import sys
import time

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.tmux import Terminal

_DROPPED = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "SSH_ORIGINAL_COMMAND", "SSH_AUTH_SOCK", "PYTHONPATH")


class TerminalRecord(Frozen):
    """The name of the tmux server that shows the run."""

    name: str


async def start_run(session: SessionDir) -> Terminal:
    """Start the run's runner in a new tmux server; raises `RemoteError`."""
    # A dying server holds its socket for a moment: a fresh name for each start.
    name = f"{session.id}-{time.time_ns() // 1_000_000:x}"
    write_model(session.path / "terminal.json", TerminalRecord(name=name))
    terminal = Terminal(name)
    await terminal.start(
        [sys.executable, "-I", "-m", "remote.runner_cli", "serve", str(session.path)],
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
    """Whether the run's runner lives in its terminal."""
    terminal = run_terminal(session)
    return terminal is not None and await terminal.alive()


async def end_run(session: SessionDir) -> None:
    """End the run's terminal with all that is in it; nothing to do if there is none."""
    terminal = run_terminal(session)
    if terminal is not None:
        await terminal.kill()


async def last_words(session: SessionDir) -> str:
    """The last line that the terminal shows: why a runner ended."""
    terminal = run_terminal(session)
    try:
        text = await terminal.text() if terminal else ""
    except RemoteError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Pane is dead")]
    return lines[-1] if lines else "it said nothing"
