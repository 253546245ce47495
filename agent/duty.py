"""What a runner is started for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agent.deeds import NO_RULES, Rules
from agent.launch import Launch
from agent.messages import Command
from agent.preparation import Prepare
from agent.profiles import Profile
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.usage_seen import SeenCall


@dataclass(frozen=True)
class Duty:
    """What a runner runs. ``launch`` is asked at each start of the agent; ``linger`` ends an idle runner that nobody
    watches after that many seconds (``None``: never); ``host`` is the machine's name, or "" where sessions begin."""

    session: SessionDir
    profile: Profile
    launch: Callable[[], Launch]
    host: str = ""
    linger: float | None = None
    watchers: tuple[Callable[[Recorder], None], ...] = ()
    """Called once with the recorder, to observe it and to record into it."""
    deputies: tuple[Callable[[Callable[[Command], Awaitable[None]]], None], ...] = ()
    """Called once with what carries out a viewer's command: they give commands for a user who is elsewhere."""
    counters: tuple[Callable[[Callable[[SeenCall], None]], None], ...] = ()
    """Called once with what takes the calls of the agent's model that are seen from outside."""
    unattended: bool = False
    """Whether nobody sits in front of it: a turn that crashed is taken up again by itself, a few times."""
    rules: Rules = NO_RULES
    """What is asked for or refused here, besides what the session's own rules say."""
    spending: Path | None = None
    """The folder of the machine's `agent.daybook`; ``None``: no limit for all its runs."""
    held: str = ""
    """Why the session has to wait for its user instead of going on: a sentence."""
    shortage: Callable[[], str] = str
    """Asked each second of a turn: why no turn may go on here, in a sentence with its way out, or ""."""
    prepare: Prepare | None = None
    """What is done once the agent is there and before its first turn. Cancelled when the session is drained or stopped
    meanwhile, or the user interrupts."""
