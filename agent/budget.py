"""The budget as a pure function of the state: is a limit reached, and which.

What cannot be measured (cost unknown) is never free: a limit in dollars holds for what is known, and `unmeasured`
says that there is more.
"""

import time

from agent.clocks import Clock, passing
from agent.state import SessionState

_PARTLY = (
    "Cost unknown for part of the work: the agent or model reported no price for it, so the limit in dollars holds "
    "only for the rest; the other limits hold."
)


def find_limit(state: SessionState, now: float) -> str | None:
    """A sentence naming the limit that is reached at Unix time ``now``, or ``None``."""
    budget = state.budget
    spent = spent_usd(state)
    if budget.max_usd is not None and spent is not None and spent >= budget.max_usd:
        return f"The budget of {_dollars(budget.max_usd)} is used up ({_dollars(spent)} spent)."
    turns = state.turns - state.budget_turns
    if budget.max_turns is not None and state.turn is None and turns >= budget.max_turns:
        return f"The budget of {_count(budget.max_turns, 'turn')} is used up."
    if budget.max_minutes is not None and now - state.budget_at >= budget.max_minutes * 60:
        return f"The budget of {_count(budget.max_minutes, 'minute')} is used up."
    return None


class BudgetTime:
    """How long a budget has been in force, by a clock that nobody sets.

    The wall clock is asked only once for each budget, when a runner first sees it; from then on setting it changes
    nothing.
    """

    def __init__(self, wall: Clock = time.time, steady: Clock = passing) -> None:
        self._wall = wall
        self._steady = steady
        self._at: float | None = None
        self._began = 0.0

    def now(self, state: SessionState) -> float:
        """The Unix time that `find_limit` is to be asked with: the budget's own, and what has passed since."""
        if state.budget_at != self._at:
            self._at = state.budget_at
            self._began = self._steady() - max(0.0, state.at - self._at, self._wall() - self._at)
        return state.budget_at + self._steady() - self._began


def spent_usd(state: SessionState) -> float | None:
    """Dollars known to be spent since a limit in dollars was set, or in all where there is none.

    ``None``: no cost was ever reported. With ``state.usage.unpriced`` it is the least that was spent.
    """
    now, base = state.usage.cost_usd, state.budget_base.cost_usd
    if now is None or state.budget.max_usd is None:
        return now
    return max(0.0, now - (base or 0.0))


def unmeasured(state: SessionState) -> str | None:
    """A sentence when a limit in dollars is set and the cost, or some of it, is unknown; or ``None``."""
    if state.budget.max_usd is None or state.turns == state.budget_turns:
        return None
    if state.usage.cost_usd is not None:
        return _PARTLY if state.usage.unpriced else None
    return "Cost unknown: this agent or model reports none, so the limit in dollars cannot hold; the others do."


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def _count(number: float, thing: str) -> str:
    return f"{number:g} {thing}" + ("" if number == 1 else "s")
