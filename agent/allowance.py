"""The budget as a runner keeps it: looked at, told of, granted again, and closed with the time that was really used."""

from agent.budget import BudgetTime, Share, find_limit, find_marks, find_reached
from agent.errors import CommandRefused
from agent.events import Budget, BudgetSet, BudgetTimed
from agent.recorder import Recorder


class Allowance:
    """The budget of the session that ``recorder`` records."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._time = BudgetTime()

    def limit(self) -> str | None:
        """A sentence naming the limit that is reached now, or ``None``."""
        state = self._recorder.state
        return find_limit(state, self._time.now(state))

    def reached(self) -> Share | None:
        """The limit that is reached now."""
        state = self._recorder.state
        return find_reached(state, self._time.now(state))

    def tell_marks(self) -> None:
        """Record what the user is to be told of how far the budget is used."""
        state = self._recorder.state
        for mark in find_marks(state, self._time.now(state)):
            self._recorder.record(mark)

    def renew(self) -> None:
        """Grant the same budget once more, counted from now; raises `CommandRefused` where there is none."""
        budget = self._recorder.state.budget
        if budget == Budget():
            raise CommandRefused("There is no budget to extend.", code="no-budget")
        self._recorder.record(BudgetSet(budget=budget))

    def close(self) -> None:
        """Record the time that was really used, so that a later runner's clock does not count a jump of this one's."""
        state = self._recorder.state
        if state.budget.max_minutes is not None:
            self._recorder.record(BudgetTimed(seconds=self._time.used(state)))
