"""The budget as a runner keeps it: looked at, told of, granted again, and closed with the time that was really used."""

from agent.budget import BudgetTime, Share, find_limit, find_marks, find_reached
from agent.daybook import DAILY, Daybook, tell, tell_mark
from agent.errors import CommandRefused
from agent.events import Budget, BudgetMarked, BudgetSet, BudgetTimed
from agent.recorder import Recorder


class Allowance:
    """The budget of the session that ``recorder`` records."""

    def __init__(self, recorder: Recorder, daybook: Daybook | None = None) -> None:
        """``daybook`` is that of the machine, if there is a limit for all its runs."""
        self._recorder = recorder
        self._time = BudgetTime()
        self._daybook = daybook

    def limit(self) -> str | None:
        """A sentence naming the limit that is reached now, or ``None``."""
        state = self._recorder.state
        daily = self._reached_daily()
        return find_limit(state, self._time.now(state)) or (tell(daily) if daily is not None else None)

    def reached(self) -> Share | None:
        """The limit that is reached now, its own or the machine's."""
        state = self._recorder.state
        return find_reached(state, self._time.now(state)) or self._reached_daily()

    def _reached_daily(self) -> Share | None:
        share = self._daybook.share() if self._daybook is not None else None
        return share if share is not None and share.reached else None

    def enter(self) -> None:
        """Put what was spent meanwhile into the machine's book."""
        if self._daybook is not None:
            self._daybook.enter(self._recorder.state.usage.cost_usd)

    def tell_marks(self) -> None:
        """Record what the user is to be told of how far the budget is used."""
        state = self._recorder.state
        for mark in find_marks(state, self._time.now(state)):
            self._recorder.record(mark)
        if self._daybook is not None and (passed := self._daybook.claim_mark()) and (share := self._daybook.share()):
            self._recorder.record(BudgetMarked(limit=DAILY, share=passed, text=tell_mark(share, passed)))

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
