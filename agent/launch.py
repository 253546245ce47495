"""Starting an agent's program. Apart from its client: it starts while the protocol, which takes half a second to load,
is still being loaded here, and who only prepares a start needs no protocol at all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import children
from agent.errors import AgentFailed
from agent.events import Event, PermissionOption, ToolCalled
from agent.program_log import ProgramLog, Redact, as_they_are
from agent.usage import CallUsed

_FRAME_LIMIT = 64 << 20


@dataclass(frozen=True)
class Launch:
    """How to start an agent. ``tree`` is the project as the agent sees it, ``tree_here`` as this process does."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    tree: str
    tree_here: Path
    home: Path | None = None
    """Its HOME as this process sees it."""
    redact: Redact = as_they_are
    """What its complaints pass before they are written down."""


@dataclass(frozen=True)
class Listener:
    """Who is told what the agent says, and who answers its questions (an option's id, or ``None`` for cancelled)."""

    happened: Callable[[Event], None]
    asked: Callable[[ToolCalled, tuple[PermissionOption, ...]], Awaitable[str | None]]
    used: Callable[[CallUsed], None] = lambda _: None
    """Is told what one call of the agent's model took."""


@dataclass(frozen=True)
class Started:
    """An agent's program that runs, and has been told nothing yet. ``log`` takes its standard error."""

    process: children.Child
    log: ProgramLog


async def start_program(launch: Launch, log: Path) -> Started:
    """Start the agent's program; raises `AgentFailed`."""
    errors = ProgramLog(log, launch.redact)
    try:
        process = await children.start(
            launch.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors.pipe,
            env=dict(launch.env),
            cwd=launch.cwd,
            limit=_FRAME_LIMIT,
            start_new_session=True,
        )
    except OSError as error:
        raise AgentFailed(
            f"The agent cannot be started: {launch.argv[0]}: {error.strerror}.", "castoff doctor checks agents."
        ) from error
    finally:
        errors.close_pipe()
    return Started(process, errors)
