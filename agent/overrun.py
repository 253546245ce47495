"""Tells an agent that goes on beyond its limit from one whose last words come late."""

from agent.budget import Share
from agent.clocks import Clock, passing
from agent.daybook import DAILY
from agent.state import SessionState

GRACE_SECONDS = 1.5
"""How long an agent that used more may still take to end its turn: it may have been the call in flight."""
_LATE_SECONDS = 2.0
"""What is told of usage so soon after the word by which a limit is reached may be of the same call."""
_LATE_WORDS = 2
"""Words that an agent may have in that time."""


class Overrun:
    """What one turn uses beyond its limit."""

    def __init__(self, clock: Clock = passing) -> None:
        self._clock = clock
        self._since: float | None = None
        self._used = (0.0, 0.0, 0.0)
        self._words = 0

    def note(self, state: SessionState) -> None:
        """What was used while no limit was reached."""
        self._used = _measure(state)

    def goes_on(self, state: SessionState, reached: Share) -> bool:
        """Whether the agent used more than the limit that is ``reached``; asked whenever it may have."""
        before, self._used = self._used, _measure(state)
        told = reached.limit in ("max_usd", "max_tokens", DAILY)
        if self._since is None:
            self._since = self._clock()
            if told:
                return False  # by this very word
        if not any(now > then for now, then in zip(self._used, before, strict=True)):
            return False
        self._words += 1
        return not told or self._words > _LATE_WORDS or self._clock() - self._since > _LATE_SECONDS


def _measure(state: SessionState) -> tuple[float, float, float]:
    usage = state.usage
    return (usage.cost_usd or 0.0, (usage.input_tokens or 0) + (usage.output_tokens or 0), state.tool_calls)
