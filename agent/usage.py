"""What agents report of usage, made comparable: totals of the session that never go down.

Agents count different things (`agent.profiles.Usage`): this turn, since the process began, or the session.
"""

from typing import TYPE_CHECKING

from agent.events import Used
from agent.profiles import Usage as Counting
from agent.state import Usage

if TYPE_CHECKING:
    from acp import schema


class Meter:
    """Turns one agent process's numbers into session totals, starting from what was used before it."""

    def __init__(self, counting: Counting, before: Usage, cost: Counting | None = None) -> None:
        """``counting`` is what the tokens count, ``cost`` what the cost does, where that is something else."""
        self._counting = counting
        self._cost = cost or counting
        self._base = before
        self._input = before.input_tokens
        self._output = before.output_tokens
        self._priced: bool | None = None
        """Whether the last word of the turn on usage had a cost with it; ``None``: there was none yet."""
        self._running = False
        """Whether the agent tells running totals of tokens, so that its replies add nothing."""

    def read_reply(self, reply: "schema.PromptResponse") -> Used | None:
        """The totals after a turn, or ``None`` if the agent says nothing of tokens."""
        usage = reply.usage
        if usage is None or self._running or self._counting in ("none", "context"):
            return None
        if self._priced is None:
            self._priced = False
        self._input = self._total(self._input, self._base.input_tokens, usage.input_tokens)
        self._output = self._total(self._output, self._base.output_tokens, usage.output_tokens)
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
        return used

    def end_turn(self) -> Used | None:
        """What is to be said at a turn's end, till which agents may keep its cost: that it was not told."""
        priced, self._priced = self._priced, None
        return Used(unpriced=True) if priced is False and self._cost != "context" else None

    def _total(self, so_far: int | None, before: int | None, reported: int) -> int:
        match self._counting:
            case "turn":
                return (so_far or 0) + reported
            case "process":
                return (before or 0) + reported
            case _:
                return max(so_far or 0, reported)
