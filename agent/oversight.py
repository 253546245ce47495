"""Oversight of the turns that run: what must not go on is cut short, by the budget, by what the machine is short of, by
the watch, or because its user pauses it."""

import asyncio

from agent.allowance import Allowance
from agent.driver import Driver
from agent.duty import Duty
from agent.events import AnyEvent, Judged, ToolCalled, Used
from agent.overrun import GRACE_SECONDS, Overrun
from agent.prompt_queue import new_prompt_id
from agent.recorder import Recorder
from agent.state import SessionState
from agent.verdicts import nudge
from agent.vigil import Vigil


class Oversight:
    """Looks after the turns of ``driver``: at each event that uses something, and whenever it is asked to."""

    def __init__(self, duty: Duty, recorder: Recorder, driver: Driver, allowance: Allowance) -> None:
        self._duty = duty
        self._recorder = recorder
        self._driver = driver
        self._allowance = allowance
        self._overrun = Overrun()
        self._cut: asyncio.Task[None] | None = None
        self._force: asyncio.Task[None] | None = None
        self._why = ""
        self._released = False
        self._attended = False
        recorder.observe(self._count)
        self._vigil = Vigil(recorder, duty.session.info.project, self._heed) if duty.unattended else None

    def begin(self) -> None:
        """A turn begins."""
        self._overrun, self._force, self._why = Overrun(), None, ""
        self._overrun.note(self._recorder.state)

    def greet(self) -> None:
        """A human was here."""
        if self._vigil is not None:
            self._vigil.greet()

    def look(self, *, attended: bool) -> None:
        """Look at what time alone changes, every second or so; ``attended``: somebody looks on."""
        if self._driver.busy:
            self._check_spending()
            self._allowance.tell_marks()
            if shortage := self._duty.shortage():
                self.pause(shortage)
        if attended and not self._attended:
            self.greet()
        self._attended = attended
        if self._vigil is not None and self._driver.busy:
            self._vigil.look(self._driver.pid)
        elif self._vigil is not None:
            self._vigil.rest()

    def pause(self, why: str) -> None:
        """Cut the turn that runs short, so that the session waits for its user; the first reason is the one told."""
        self._why = self._why or why
        self._cancel("watch")

    def take_why(self) -> str:
        """Why the turn that ended was to be followed by a pause, or "": told once."""
        why, self._why = self._why, ""
        return why

    def release(self) -> None:
        """Cut nothing any more: the session is moved or ended, which does it in its own way."""
        self._released = True

    async def settle(self) -> None:
        """Wait for what was begun."""
        if begun := [task for task in (self._cut, self._force) if task is not None]:
            await asyncio.wait(begun)

    def _heed(self, verdict: Judged) -> None:
        """Do what a verdict asks for; the turn may have ended meanwhile."""
        if verdict.level == "told" or self._released or not self._driver.busy:
            return
        if verdict.level == "pause":
            self.pause(verdict.evidence)
            return
        if not any(prompt.ahead for prompt in self._recorder.state.queue):
            self._recorder.record(nudge(verdict, new_prompt_id()))
        self._cancel("watch")

    def _count(self, event: AnyEvent, _: SessionState) -> None:
        """Cut a turn at the very event that uses the budget up: a quick agent does much in a second."""
        if isinstance(event, Used | ToolCalled) and self._driver.busy:
            self._check_spending()

    def _check_spending(self) -> None:
        self._allowance.enter()
        state, reached = self._recorder.state, self._allowance.reached()
        if reached is None:
            self._overrun.note(state)
            return
        self._cancel("budget")
        if self._overrun.goes_on(state, reached) and self._force is None:
            self._force = asyncio.create_task(self._driver.force(GRACE_SECONDS))

    def _cancel(self, reason: str) -> None:
        """Cancel, aside: an agent that takes its time must not keep the runner from looking at the lease."""
        if not self._released and (self._cut is None or self._cut.done()):
            self._cut = asyncio.create_task(self._driver.cancel(reason))
