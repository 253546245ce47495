"""What was seen of an agent's calls of its model from outside: counted beside what the agent itself tells."""

from typing import NamedTuple

from agent.events import Used
from agent.state import Usage


class SeenCall(NamedTuple):
    """One call of a model, by the model's own answer. ``cost_usd`` is ``None`` where no price is known, or where not
    all of the answer was seen: then the tokens are the least that it took."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class SeenCalls:
    """The calls that were seen since ``before`` was used, as totals of the session."""

    def __init__(self, before: Usage) -> None:
        self._input = before.input_tokens or 0
        self._output = before.output_tokens or 0
        self._cost = before.cost_usd
        self._unpriced = before.unpriced
        self._turn_priced: bool | None = None

    def add(self, call: SeenCall) -> Used:
        """The totals after one more. What the agent tells counts where that is more."""
        self._input += call.input_tokens
        self._output += call.output_tokens
        if call.cost_usd is None:
            self._unpriced, self._turn_priced = True, False
        else:
            self._cost = (self._cost or 0.0) + call.cost_usd
            self._turn_priced = self._turn_priced is not False
        return Used(
            input_tokens=self._input,
            output_tokens=self._output,
            cost_usd=self._cost,
            unpriced=self._unpriced,
            source="proxy",
        )

    def end_turn(self, input_tokens: int | None) -> bool | None:
        """Whether the cost of all calls of the turn is known; ``None`` where none was seen.

        ``input_tokens`` is what the agent has told so far: if that is more, there were calls that went another way.
        """
        priced, self._turn_priced = self._turn_priced, None
        return priced and (input_tokens or 0) <= self._input
