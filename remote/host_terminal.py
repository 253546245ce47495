"""``castoff-runner terminal``: a run's tmux in the terminal that this program was started in, only to look at."""

import os
import shutil
import sys

from agent.paths import state_dir
from agent.sessions import find_session
from remote.errors import HostLacks, TerminalFailed
from remote.host_runner import run_terminal


async def show_terminal(run_id: str) -> None:
    """Become tmux; returns only by raising `RemoteError` or `agent.errors.AgentError`."""
    if not sys.stdin.isatty():
        raise TerminalFailed("There is no terminal to show the run in.")
    terminal = run_terminal(find_session(state_dir(), run_id))
    if terminal is None or not await terminal.exists():
        raise TerminalFailed("The run has no terminal now.", "It has one once its runner is started again.")
    program = shutil.which("tmux")
    if program is None:
        raise HostLacks("tmux is not installed.", "Install tmux.", missing=("tmux",))
    environ = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
    argv = await terminal.look_command()
    os.execve(program, argv, environ)
