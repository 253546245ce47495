"""What a session file holds besides the conversation."""

from typing import Literal

from pydantic import JsonValue

from agent.events import Frozen, PlanEntry, Policy

VERSION = 1


class InFlight(Frozen):
    """A tool call that may be acting right now; on disk before it begins, gone with its result."""

    call_id: str
    name: str
    args: JsonValue = None


class Totals(Frozen):
    """What the session used since it began, over all processes and hosts.

    Tokens as the provider counts them; ``cost_usd`` is ``None`` once any call had no known price. ``context_used``
    is the size of the last call, ``context_size`` the model's limit if known.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = 0.0
    context_used: int = 0
    context_size: int | None = None


class Record(Frozen):
    """A session's identity and state; the conversation lies beside it in the same file under ``history``."""

    version: Literal[1] = VERSION
    session_id: str
    cwd: str
    model: str = ""
    mode: Policy = "ask"
    allowed: tuple[str, ...] = ()
    title: str = ""
    updated_at: str = ""
    plan: tuple[PlanEntry, ...] = ()
    totals: Totals = Totals()
    in_flight: InFlight | None = None
