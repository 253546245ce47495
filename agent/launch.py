"""Starting an agent's program. Apart from its client: it starts while the protocol, which takes half a second to load,
is still being loaded here, and who only prepares a start needs no protocol at all."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import children
from agent.durable import append_private
from agent.errors import AgentFailed
from agent.events import Event, PermissionOption, ToolCalled

_FRAME_LIMIT = 64 << 20


@dataclass(frozen=True)
class Launch:
    """How to start an agent. ``tree`` is the project as the agent sees it, ``tree_here`` as this process does."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    tree: str
    tree_here: Path


@dataclass(frozen=True)
class Listener:
    """Who is told what the agent says, and who answers its questions (an option's id, or ``None`` for cancelled)."""

    happened: Callable[[Event], None]
    asked: Callable[[ToolCalled, tuple[PermissionOption, ...]], Awaitable[str | None]]


@dataclass(frozen=True)
class Started:
    """An agent's program that runs, and has been told nothing yet. ``log`` holds its standard error, from the byte
    ``log_start`` on."""

    process: children.Child
    log: Path
    log_start: int


async def start_program(launch: Launch, log: Path) -> Started:
    """Start the agent's program; raises `AgentFailed`."""
    with append_private(log) as errors:
        log_start = errors.seek(0, os.SEEK_END)
        try:
            process = await children.start(
                launch.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=dict(launch.env),
                cwd=launch.cwd,
                limit=_FRAME_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise AgentFailed(
                f"The agent cannot be started: {launch.argv[0]}: {error.strerror}.", "castoff doctor checks agents."
            ) from error
    return Started(process, log, log_start)
