"""Keeps watch over a run that nobody looks at: what it does, how long it is silent, how long nobody has looked."""

import asyncio
import time
from collections.abc import Callable

from agent.busyness import work_of
from agent.clocks import Clock, passing
from agent.drift import Drift, follow
from agent.events import AnyEvent, BudgetMarked, Judged, Noted
from agent.gates import passed_gates
from agent.recorder import Recorder
from agent.state import SessionState
from agent.waiting import Waiting

_LOOK_SECONDS = 30.0
"""How often the work of a silent agent is measured."""
_WORK_SHARE = 0.02
"""Of one processor: what an agent that only waits does not need, and a build does."""
_OURS = Judged | BudgetMarked | Noted


class Vigil:
    """Watches what ``recorder`` records, and calls ``act`` with each verdict, once it is recorded."""

    def __init__(
        self,
        recorder: Recorder,
        root: str,
        act: Callable[[Judged], None],
        *,
        wall: Clock = time.time,
        steady: Clock = passing,
        work: Callable[[int], float | None] = work_of,
    ) -> None:
        self._recorder = recorder
        self._act = act
        self._steady = steady
        self._work = work
        self._waiting = Waiting(wall, steady)
        state = recorder.state
        self._drift = Drift(root, passed=passed_gates(state))
        self._heard = steady()
        self._looked = steady()
        self._worked: float | None = None
        self._told = False
        self._contact = steady() - max(0.0, wall() - state.human_at if state.human_at else 0.0)
        recorder.observe(self._notice)

    def greet(self) -> None:
        """A human was here."""
        self._contact = self._steady()

    def rest(self) -> None:
        """No turn is running: nothing is silent then."""
        self._hear()

    def look(self, pid: int | None) -> None:
        """Judge what time alone tells of a turn that is running; ``pid`` is the agent's."""
        state, now = self._recorder.state, self._steady()
        hours = state.watch.alone_hours
        if 0 < hours * 3600 <= now - self._contact:
            self.greet()  # it was called; whether it goes on is said by whoever comes
            text = f"Nobody has looked at this run for {hours:g} hours: it waits until somebody does."
            self._judge(Judged(rule="alone_hours", level="pause", evidence=text))
        if state.questions:
            self._hear()
            self._judge_waiting(state)
        elif pid is not None and now - self._looked >= _LOOK_SECONDS:
            self._measure(pid, now)
        self._judge_silence(state, now)

    def _judge_waiting(self, state: SessionState) -> None:
        """The pause that follows ends the turn, and its open questions with it: none of them is leave."""
        late = self._waiting.overdue(state)
        already = state.verdicts[-1:] and state.verdicts[-1].rule == "answer_minutes"
        if late is not None and not (already and state.verdicts[-1].seq > late.seq):
            text = f"Nobody answered for {state.watch.answer_minutes:g} minutes: it is denied, and the run waits."
            self._judge(Judged(rule="answer_minutes", level="pause", evidence=text))

    def _measure(self, pid: int, now: float) -> None:
        worked, before = self._work(pid), self._worked
        busy = before is not None and worked is not None and worked - before >= _WORK_SHARE * (now - self._looked)
        self._looked, self._worked = now, worked
        if busy:
            self._heard = now

    def _judge_silence(self, state: SessionState, now: float) -> None:
        tell, pause = state.watch.silence
        minutes = (now - self._heard) / 60
        names = ", ".join(b.title or b.call_id for b in state.blocks if b.type == "tool" and b.call_id in state.running)
        doing = f"while this runs, and does hardly any work: {names}" if names else "from the agent"
        if 0 < pause <= minutes:
            text = f"No sign of life for {minutes:.0f} minutes {doing}."
            self._judge(Judged(rule="silence", level="pause", evidence=text))
            self._hear()
        elif 0 < tell <= minutes and not self._told:
            self._told = True
            text = f"No sign of life for {minutes:.0f} minutes {doing}."
            self._judge(Judged(rule="silence", level="told", evidence=text))

    def _hear(self) -> None:
        self._heard, self._told = self._steady(), False

    def _notice(self, event: AnyEvent, state: SessionState) -> None:
        if not isinstance(event, _OURS):
            self._hear()
        self._drift, verdicts = follow(self._drift, event, state)
        if verdicts:
            # After this event has been told to everybody.
            asyncio.get_running_loop().call_soon(self._judge, *verdicts)

    def _judge(self, *verdicts: Judged) -> None:
        for verdict in verdicts:
            if not self._recorder.fenced:
                self._recorder.record(verdict)
                self._act(verdict)
