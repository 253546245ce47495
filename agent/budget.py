"""The budget as a pure function of the state: what of each limit is used, and which one is reached.

What cannot be measured (cost or tokens unknown) is never free: a limit holds for what is known, and `unmeasured`
says that there is more.
"""

import time
from typing import NamedTuple

from agent.clocks import Clock, passing
from agent.events import BudgetMarked
from agent.state import SessionState

MARKS = (50, 80, 95)
"""Percent of a limit at which its user is told, once each."""
STOP_SECONDS = 30.0
"""What it takes at most from a limit's being reached until the agent, and all that it started, is ended."""

_PARTLY = (
    "Cost unknown for part of the work: the agent or model reported no price for it, so the limit in dollars holds "
    "only for the rest; the other limits hold."
)
_NO_COST = "Cost unknown: this agent or model reports none, so the limit in dollars cannot hold; the others do."
_NO_TOKENS = "Tokens unknown: this agent or model reports none, so the limit in tokens cannot hold; the others do."


class Share(NamedTuple):
    """What is used of one limit. ``limit`` is its field in `agent.events.Budget`."""

    limit: str
    used: float
    most: float

    @property
    def reached(self) -> bool:
        """Whether nothing is left of it."""
        return self.used >= self.most

    @property
    def percent(self) -> float:
        """How much of it is used, 100 and more for one that is reached."""
        return self.used / self.most * 100 if self.most > 0 else 100.0


def shares(state: SessionState, now: float) -> tuple[Share, ...]:
    """What is used of each limit at Unix time ``now``; a limit on what was never measured is not among them."""
    budget = state.budget
    limits = (
        ("max_usd", spent_usd(state), budget.max_usd),
        ("max_tokens", _spent_tokens(state), budget.max_tokens),
        ("max_turns", float(state.turns - state.budget_turns), budget.max_turns),
        ("max_tool_calls", float(state.tool_calls - state.budget_calls), budget.max_tool_calls),
        ("max_minutes", (now - state.budget_at) / 60, budget.max_minutes),
    )
    return tuple(Share(name, used, most) for name, used, most in limits if most is not None and used is not None)


def most_used(state: SessionState, now: float) -> float | None:
    """Percent of the limit of which most is used at Unix time ``now``; ``None`` where nothing limited is measured."""
    return max((share.percent for share in shares(state, now)), default=None)


def find_reached(state: SessionState, now: float) -> Share | None:
    """The limit that is reached at Unix time ``now``."""
    return next((share for share in shares(state, now) if share.reached and not _may_end(share, state)), None)


def find_limit(state: SessionState, now: float) -> str | None:
    """A sentence naming the limit that is reached at Unix time ``now``, or ``None``."""
    share = find_reached(state, now)
    if share is None:
        return None
    spent = f" ({_dollars(share.used)} spent)" if share.limit == "max_usd" else ""
    return f"The budget of {_amount(share.limit, share.most)} is used up{spent}."


def _may_end(share: Share, state: SessionState) -> bool:
    """Whether what was begun within the limit is still running: the last turn, the last tool call."""
    if share.limit == "max_turns":
        return state.turn is not None
    return share.limit == "max_tool_calls" and share.used == share.most > 0 and bool(state.running)


def find_marks(state: SessionState, now: float) -> tuple[BudgetMarked, ...]:
    """What the user is to be told at Unix time ``now`` and was not: of each limit its highest mark alone."""
    found: list[BudgetMarked] = []
    for share in shares(state, now):
        passed = [mark for mark in MARKS if share.percent >= mark]
        told = [mark for limit, mark in state.budget_marks if limit == share.limit]
        if passed and not share.reached and passed[-1] > max(told, default=0):
            text = f"{passed[-1]} % of the budget of {_amount(share.limit, share.most)} are used."
            found.append(BudgetMarked(limit=share.limit, share=passed[-1], text=text))
    return tuple(found)


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
        return state.budget_at + self.used(state)

    def used(self, state: SessionState) -> float:
        """Seconds that the budget has been in force."""
        if state.budget_at != self._at:
            self._at = state.budget_at
            self._began = self._steady() - max(0.0, state.at - self._at, self._wall() - self._at)
        return self._steady() - self._began


def spent_usd(state: SessionState) -> float | None:
    """Dollars known to be spent since a limit in dollars was set, or in all where there is none.

    ``None``: no cost was ever reported. With ``state.usage.unpriced`` it is the least that was spent.
    """
    now, base = state.usage.cost_usd, state.budget_base.cost_usd
    if now is None or state.budget.max_usd is None:
        return now
    return max(0.0, now - (base or 0.0))


def hourly_usd(state: SessionState, now: float) -> float | None:
    """Dollars an hour since the budget was set at Unix time ``now``, or since then as far as it was worked; ``None``
    where that says nothing: no cost known, no budget, or not yet a minute."""
    spent, base = state.usage.cost_usd, state.budget_base.cost_usd or 0.0
    until = now if state.turn is not None else state.at
    hours = (until - state.budget_at) / 3600
    if spent is None or not state.budget_at or hours * 60 < 1:
        return None
    return max(0.0, spent - base) / hours


def _spent_tokens(state: SessionState) -> float | None:
    """Tokens known to be used since the budget was set; ``None``: none were ever reported."""
    now, base = state.usage, state.budget_base
    if now.input_tokens is None and now.output_tokens is None:
        return None
    before = (base.input_tokens or 0) + (base.output_tokens or 0)
    return max(0.0, (now.input_tokens or 0) + (now.output_tokens or 0) - before)


def unmeasured(state: SessionState) -> str | None:
    """A sentence when there is a limit on something of which some is unknown after a turn; or ``None``."""
    if state.turns == state.budget_turns:
        return None
    if state.budget.max_usd is not None and state.usage.cost_usd is None:
        return _NO_COST
    if state.budget.max_usd is not None and state.usage.unpriced:
        return _PARTLY
    if state.budget.max_tokens is not None and _spent_tokens(state) is None:
        return _NO_TOKENS
    return None


def _amount(limit: str, most: float) -> str:
    if limit == "max_usd":
        return _dollars(most)
    things = {"max_tokens": "token", "max_turns": "turn", "max_tool_calls": "tool call", "max_minutes": "minute"}
    return _count(most, things[limit])


def _dollars(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"


def _count(number: float, thing: str) -> str:
    return f"{number:.12g} {thing}" + ("" if number == 1 else "s")
