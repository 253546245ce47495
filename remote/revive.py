"""Taking a host's runs up again after a restart, and having that done: ``castoff-runner revive``."""

import asyncio
import os
import sys
from pathlib import Path

from agent.errors import AgentError, RecordDamaged
from agent.overview import look_over
from agent.recovery import has_work
from agent.sessions import SessionDir
from remote.boot import foresee_hook, install_hook, look_at_hook, read_hook, remove_hook
from remote.errors import RebootUnready, RemoteError
from remote.host_runner import is_alive, start_run
from remote.parcel import fold
from remote.place import read_place


async def revive(state: Path) -> None:
    """Start the runner of each run that is held here and was at work; what cannot be, is said and left.

    ``state`` is the state directory; its hook's variables are set first. Raises `RebootUnready`.
    """
    hook = read_hook(state)
    os.environ.update({} if hook is None else hook.variables)
    os.environ["CASTOFF_STATE"] = str(state)
    for session in held_runs(state):
        try:
            if has_work(fold(session)) and not await is_alive(session):
                await start_run(session)
        except (AgentError, RemoteError, OSError) as error:
            sys.stderr.write(f"castoff-runner: {session.id} is not taken up: {error}\n")
    if not held_runs(state):
        remove_hook(state)


def held_runs(state: Path) -> list[SessionDir]:
    """The runs that this host holds; one whose records are damaged is none that could be started."""
    found: list[SessionDir] = []
    for session, lease in look_over(state).whole:
        try:
            if lease.state == "held" and read_place(session) is not None:
                found.append(session)
        except RecordDamaged:
            continue
    return found


async def tend_hook(state: Path) -> str:
    """Have the hook there while runs are held here, and not beyond; returns why it could not be, or ""."""
    try:
        if await asyncio.to_thread(held_runs, state):
            await asyncio.to_thread(install_hook, state)
        else:
            await asyncio.to_thread(remove_hook, state)
    except RebootUnready as error:
        return str(error)
    return ""


def tell_restart(state: Path) -> str:
    """What a restart of this host would do to its runs, in a sentence for the user."""
    try:
        if read_hook(state) is not None or held_runs(state):
            return look_at_hook(state)
        return foresee_hook()
    except RebootUnready as error:
        return f"{error} {error.way_out} After one, castoff attach takes a run up.".replace("  ", " ")
