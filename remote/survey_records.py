"""What a host says of itself when it is asked to look itself over: a request of `remote.host_protocol`."""

from typing import Literal

from agent.events import Frozen
from remote.sandbox import Level
from remote.settings_protocol import AgentThere
from remote.tools import Program

Login = Literal["yes", "no", "unknown"]


class Survey(Frozen):
    """Look yourself over."""

    op: Literal["survey"] = "survey"


class Peek(Frozen):
    """How busy are you, and what works on you? Answered with `remote.facts.Facts`."""

    op: Literal["peek"] = "peek"


class AgentSurveyed(AgentThere):
    """An agent on the host, and whether a login of its own or a key for it is there."""

    too_old: str = ""
    """A sentence where this version is older than the one that castoff knows to work."""
    login: Login = "unknown"


class Surveyed(Frozen):
    """A host by its own words. Sizes in bytes, ``memory_free`` ``None`` where the system does not tell."""

    user: str
    system: str
    python: str
    free: int
    memory: int
    memory_free: int | None
    load: float
    processors: int
    tools: tuple[Program, ...]
    sandbox: Level
    sandbox_detail: str
    lingers: bool
    restart: str
    agents: tuple[AgentSurveyed, ...]
    variables: tuple[str, ...]
    root: tuple[str, ...] = ()
    """Commands for its administrator, without which something is missing."""
    now: float
