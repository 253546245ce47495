"""What agents report of usage, made comparable: totals of the session that never go down.

Agents count different things (`agent.profiles.Usage`): one call of the model, this turn, since the process began, or
the session.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from agent.events import Used
from agent.profiles import Usage as Counting
from agent.state import Usage
from agent.usage_seen import SeenCall, SeenCalls

if TYPE_CHECKING:
    from acp import schema


_NOTHING = Usage()


class CallUsed(NamedTuple):
    """The tokens of one call of an agent's model."""

    input_tokens: int
    output_tokens: int


class _TokenCount(BaseModel):
    """What Gemini puts under ``_meta.quota.token_count`` of its reply; the input with what was cached."""

    input_tokens: Annotated[int, Field(ge=0)]
    output_tokens: Annotated[int, Field(ge=0)]


class _Quota(BaseModel):
    token_count: _TokenCount


class _Meta(BaseModel):
    quota: _Quota


class Meter:
    """Turns one agent process's numbers into session totals, starting from what was used before it."""

    def __init__(
        self, counting: Counting, before: Usage, cost: Counting | None = None, begun: Usage = _NOTHING
    ) -> None:
        """``counting`` is what the tokens count, ``cost`` what the cost does, where that is something else.

        ``begun`` is what had been used when the agent's own session began, which its numbers do not hold.
        """
        self._counting = counting
        self._cost = cost or counting
        self._base = before
        self._begun = begun
        self._seen = SeenCalls(before)
        self._input = before.input_tokens
        self._output = before.output_tokens
        self._priced: bool | None = None
        """Whether the last word of the turn on usage had a cost with it; ``None``: there was none yet."""
        self._running = False
        """Whether the agent tells running totals of tokens, so that its replies add nothing."""

    def read_reply(self, reply: "schema.PromptResponse") -> Used | None:
        """The totals after a turn, or ``None`` if the agent says nothing of tokens."""
        usage = reply.usage or _token_count(reply.field_meta)
        if usage is None or self._running or self._counting in ("none", "context", "call"):
            return None
        if self._priced is None:
            self._priced = False
        base, begun = self._base, self._begun
        self._input = self._total(self._input, base.input_tokens, begun.input_tokens, usage.input_tokens)
        self._output = self._total(self._output, base.output_tokens, begun.output_tokens, usage.output_tokens)
        return Used(input_tokens=self._input, output_tokens=self._output)

    def read_update(self, used: Used) -> Used:
        """The totals after a usage update: cost per process is added to what was spent before."""
        self._running = self._running or used.input_tokens is not None
        self._priced = used.cost_usd is not None
        if self._cost == "process" and used.cost_usd is not None:
            # What an earlier process did not price, this one's numbers do not hold.
            cost = used.cost_usd + (self._base.cost_usd or 0.0)
            return used.model_copy(update={"cost_usd": cost, "unpriced": self._base.unpriced})
        if self._cost == "context":
            return used.model_copy(update={"cost_usd": None})
        return self._add_begun(used)

    def _add_begun(self, used: Used) -> Used:
        """Totals of the agent's session as totals of ours."""
        counters = ("input_tokens", "output_tokens", "cost_usd")
        told = {name: value for name in counters if (value := getattr(used, name)) is not None}
        totals = {name: value + (getattr(self._begun, name) or 0) for name, value in told.items()}
        return used.model_copy(update=totals | {"unpriced": used.unpriced or self._begun.unpriced})

    def read_call(self, call: CallUsed) -> Used | None:
        """The totals after one call of the model, or ``None`` where the agent's tokens are counted otherwise."""
        if self._counting != "call":
            return None
        if self._priced is None:
            self._priced = False
        self._input = (self._input or 0) + call.input_tokens
        self._output = (self._output or 0) + call.output_tokens
        return Used(input_tokens=self._input, output_tokens=self._output)

    def read_seen(self, call: SeenCall) -> Used:
        """The totals after a call of the model that was seen from outside: they hold where the agent tells less."""
        return self._seen.add(call)

    def end_turn(self) -> Used | None:
        """What is to be said at a turn's end, till which agents may keep its cost: that it was not told."""
        priced, self._priced = self._priced, None
        if self._seen.end_turn(self._input):
            return None
        return Used(unpriced=True) if priced is False and self._cost != "context" else None

    def _total(self, so_far: int | None, before: int | None, begun: int | None, reported: int) -> int:
        match self._counting:
            case "turn":
                return (so_far or 0) + reported
            case "process":
                return (before or 0) + reported
            case _:
                return max(so_far or 0, (begun or 0) + reported)


def _token_count(meta: Mapping[str, Any] | None) -> _TokenCount | None:
    try:
        return _Meta.model_validate(meta).quota.token_count
    except ValidationError:
        return None
