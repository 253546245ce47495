"""The runner: the one process that drives a session's agent, writes its journal and serves its viewers.

The same program here and on a host. It runs only while the lease says that the session is held here at its
epoch, and looks again every second.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from agent.allowance import Allowance
from agent.arrival import arrive, continuation, read_arrival
from agent.brief import explain_pause
from agent.budget import unmeasured
from agent.daybook import Daybook
from agent.driver import Driver
from agent.duty import Duty
from agent.errors import AgentError, AgentFailed, CommandRefused, NotOwner, ResumeFailed
from agent.events import (
    BriefAgreed,
    BudgetSet,
    Excused,
    Noted,
    PermissionAnswered,
    Phase,
    PhaseChanged,
    PolicySet,
    Prompted,
    TurnEnded,
)
from agent.lease import Tenure, firm_lease
from agent.logins import name_login
from agent.messages import (
    Answer,
    Choose,
    Command,
    Drain,
    Excuse,
    Extend,
    Interrupt,
    Pause,
    Prompt,
    Resume,
    SetBudget,
    SetPolicy,
    Stop,
    TakeBack,
)
from agent.oversight import Oversight
from agent.preparation import Preparation
from agent.prompt_queue import new_prompt_id, queue_prompt, take_back_prompt
from agent.protocol import may_run
from agent.reception import Reception, was_rebooted
from agent.recorder import Recorder
from agent.recovery import Cause, give_up, note_recovery, pause_before, recovery_prompt, was_cut
from agent.runner_lock import hold

_WATCH_SECONDS = 1.0
_PAUSED = "Its user paused it."
_REASONS = {"max_tokens": "The model's answer was cut at its length limit.", "refusal": "The model refused to go on."}


class Runner:
    """Serves one session until it is drained, stopped, idle for long, or no longer owned."""

    def __init__(self, duty: Duty, recorder: Recorder, tenure: Tenure) -> None:
        self._duty = duty
        self._tenure = tenure
        self._recorder = recorder
        self._driver = Driver(recorder, duty.session, duty.profile, duty.launch, duty.host, duty.rules)
        self._rebooted = was_rebooted(duty.session)
        self._pause = 0.0
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._draining = False
        self._fault: Exception | None = None
        self._preparation = Preparation(duty.prepare, recorder)
        self._reception = Reception(duty.session, recorder, self.handle, self._notice, self._ended)
        self._idle_since = time.monotonic()
        self._allowance = Allowance(recorder, _daybook(duty, recorder))
        recorder.observe(self._notice)
        self._oversight = Oversight(duty, recorder, self._driver, self._allowance)
        for watch in duty.watchers:
            watch(recorder)
        for deputy in duty.deputies:
            deputy(self.handle)
        for lead in duty.counters:
            lead(self._driver.count)

    async def run(self) -> None:
        """Serve the session; returns when it is over here. Raises `OSError` when what has to be kept cannot be."""
        parts: list[asyncio.Task[Any]] = []
        try:
            async with self._reception.listen():
                parts += (asyncio.create_task(part) for part in (self._work(), self._watch(), self._ended.wait()))
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            results = await self._end(parts)
        for result in (*results, self._fault):
            if isinstance(result, Exception):
                raise result

    async def _end(self, parts: list[asyncio.Task[Any]]) -> list[Any]:
        """End what runs, however it came to that: no agent outlives its runner. Returns what the parts came to."""
        self._ended.set()
        for part in parts:
            part.cancel()
        results = await asyncio.gather(*parts, return_exceptions=True)
        try:
            await self._driver.close()
        finally:
            await self._oversight.settle()
            self._recorder.close()
            await self._reception.see_off()
        return results

    async def handle(self, command: Command) -> None:
        """Carry out a viewer's command; raises `CommandRefused`, or `AgentFailed`.

        By any other error the runner ends, and raises it: half drained, it would be in everybody's way for ever.
        """
        try:
            self._oversight.greet()
            await self._obey(command)
        except AgentError:
            raise
        except Exception as error:
            # The boundary to viewers: raised again by `run`, which ends with it.
            self._fault = error
            self._ended.set()
            raise

    async def _obey(self, command: Command) -> None:
        match command:
            case Prompt():
                self._queue(command.text)
            case TakeBack():
                self._take_back(command.prompt_id)
            case Interrupt():
                await self._preparation.end()
                await self._driver.cancel("cancelled")
            case Answer():
                self._driver.answer(command.request_id, command.option_id)
            case SetPolicy():
                self._recorder.record(PolicySet(policy=command.policy, rules=command.rules))
                await self._driver.apply_policy()
            case Choose():
                await self._driver.choose(command.knob, command.value)
            case SetBudget():
                self._recorder.record(BudgetSet(budget=command.budget))
            case Extend():
                self._extend()
            case Excuse():
                self._excuse(command)
            case Pause():
                self._halt()
            case Resume():
                self._resume(brief=command.brief)
            case Drain():
                await self._drain(command.deadline)
            case Stop():
                await self._finish("stopped")

    async def _work(self) -> None:
        """Take up the session, then one prompt after the other."""
        self._take_up()
        if self._duty.held:
            self._say("paused", self._duty.held)
        elif await self._start_agent():
            await self._prepare()
        while not self._recorder.fenced:
            prompt = next(iter(self._recorder.state.queue), None)
            if prompt is None or self._draining or self._recorder.state.phase in ("paused", "failed"):
                self._wake.clear()
                await self._wake.wait()
            elif hindrance := self._allowance.limit() or self._duty.shortage():
                self._say("paused", hindrance)
            elif (self._driver.alive or await self._start_agent()) and prompt in self._recorder.state.queue:
                # While the agent was started the prompt may have been taken back.
                self._oversight.begin()
                self._conclude(await self._driver.run_turn(prompt))
        if self._recorder.failure is not None:
            raise self._recorder.failure

    def _take_up(self) -> None:
        state = self._recorder.state
        arrival = read_arrival(self._duty.session, state, self._recorder.epoch)
        # What a crash left open in the journal, nobody will end any more.
        for question in state.questions:
            self._recorder.record(PermissionAnswered(request_id=question.request_id, option_id=None, by="cancel"))
        if state.turn is not None:
            detail = "The runner ended in the middle of it."
            self._recorder.record(TurnEnded(prompt_id=state.turn, stop_reason="crash", detail=detail))
        if arrival is not None:
            for event in arrive(arrival, self._recorder.state, self._recorder.epoch):
                self._recorder.record(event)
        elif self._duty.unattended and was_cut(state):
            self._recover("reboot" if self._rebooted else "runner")
            self._pause = 0.0  # it is not the agent that needs a rest
        self._recorder.sync()

    async def _prepare(self) -> None:
        before = self._recorder.state
        await self._preparation.run()
        if self._draining:
            return
        self._preparation.conclude()
        if self._recorder.state.phase == "starting":
            self._say(before.phase, before.detail)

    async def _start_agent(self) -> bool:
        before = self._recorder.state
        if before.phase != "paused":
            # It stays so on disk all the while: a crash in between must not set it to work.
            self._say("starting")
        pause, self._pause = self._pause, 0.0
        await asyncio.sleep(pause)
        if self._draining or self._lost():
            return False
        try:
            await self._driver.start()
        except ResumeFailed as error:
            self._say("paused", explain_pause(self._duty.profile.title, str(error)))
            return False
        except AgentFailed as error:
            told = name_login(error, self._duty.profile, self._duty.host)
            sentence = " ".join(filter(None, (str(told), told.way_out)))
            if before.recoveries and before.queue:
                self._recover("agent", sentence)
            else:
                self._say("failed", sentence)
            return False
        if self._draining:
            return False
        if self._recorder.state.phase != "starting":
            return True
        if before.phase == "finished":
            self._say(before.phase, before.detail)
        else:
            # A move of a session whose work was done leaves it done.
            done = before.phase == "drained" and before.turns > 0 and before.interrupted_turn is None
            self._say("finished" if done and not before.queue else "idle")
        return True

    def _conclude(self, reason: str) -> None:
        """Say in which phase the end of a turn leaves the session."""
        self._allowance.tell_marks()
        state = self._recorder.state
        if state.turns and (sentence := unmeasured(state)) and not _was_said(self._recorder, sentence):
            self._recorder.record(Noted(level="warning", text=sentence))
        if self._draining:
            return
        match reason:
            case "end_turn" | "max_tokens" | "max_turn_requests" | "refusal":
                self._say("idle" if state.queue else "finished", _REASONS.get(reason, ""))
            case "budget":
                self._say("paused", self._allowance.limit() or "The budget is used up.")
            case "watch":
                why = self._oversight.take_why()
                self._say("paused" if why else "idle", why)
            case "died" if self._duty.unattended:
                self._recover("agent", _last_detail(self._recorder))
            case "error" | "died":
                self._say("failed", _last_detail(self._recorder))
            case _:
                self._say("idle")

    def _recover(self, cause: Cause, why: str = "") -> None:
        """Take up again by itself what a crash cut short; tried too often, it waits for its user."""
        state = self._recorder.state
        pause = pause_before(state, time.time())
        if pause is None:
            self._say("paused", give_up(state, cause, why))
            return
        self._recorder.record(note_recovery(state, cause, why))
        self._pause = pause
        if state.interrupted_turn is not None and not any(prompt.ahead for prompt in state.queue):
            self._recorder.record(recovery_prompt(state, cause, new_prompt_id()))
        self._recorder.sync()

    def _queue(self, text: str) -> None:
        if self._draining:
            raise CommandRefused("The session is being moved; send it again when it has arrived.", code="draining")
        queue_prompt(self._recorder, text)
        if self._recorder.state.phase == "failed":
            self._say("idle")
        self._wake.set()

    def _take_back(self, prompt_id: str) -> None:
        if self._draining:
            raise CommandRefused("The session is being moved; take it back when it has arrived.", code="draining")
        take_back_prompt(self._recorder, prompt_id)

    def _extend(self) -> None:
        waits = self._recorder.state.phase == "paused" and self._allowance.limit() is not None
        self._allowance.renew()
        if waits:
            self._resume()

    def _excuse(self, command: Excuse) -> None:
        found = next((v for v in self._recorder.state.verdicts if (v.rule, v.key) == (command.rule, command.key)), None)
        if found is None:
            raise CommandRefused("Nothing of the kind was found.", code="no-verdict")
        state = self._recorder.state
        waits = state.phase == "paused" and state.detail == state.verdicts[-1].evidence
        self._recorder.record(Excused(rule=command.rule, key=command.key))
        if waits and self._allowance.limit() is None:
            self._resume()

    def _halt(self) -> None:
        """Pause as the watch does: what was begun can be resumed."""
        if self._draining or self._recorder.state.phase in ("paused", "failed", "finished"):
            raise CommandRefused("Nothing is at work.", code="nothing")
        if self._driver.busy:
            self._oversight.pause(_PAUSED)
        else:
            self._say("paused", _PAUSED)

    def _resume(self, *, brief: bool = False) -> None:
        if brief:
            self._recorder.record(BriefAgreed(agreed=True))
        state = self._recorder.state
        if shortage := self._duty.shortage():
            raise CommandRefused(shortage, code="shortage")
        if (limit := self._allowance.limit()) is not None:
            raise CommandRefused(f"{limit} Raise the budget first.", code="budget")
        if state.interrupted_turn is not None and not state.queue:
            self._recorder.record(Prompted(prompt_id=new_prompt_id(), text=continuation(state), source="castoff"))
        elif state.phase not in ("paused", "failed"):
            raise CommandRefused("There is nothing to resume: no turn was interrupted.", code="nothing")
        if state.phase in ("paused", "failed"):
            self._say("idle")
        self._wake.set()

    async def _drain(self, deadline: float) -> None:
        """Stop at a safe tool boundary: when no tool call is running, or when the deadline has passed."""
        if self._draining:
            raise CommandRefused("The session is being drained already.", code="draining")
        self._draining = True
        self._oversight.release()
        self._say("draining")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._wait_until(lambda: not (self._driver.busy and self._in_tool))
        await self._finish("drained")

    @property
    def _in_tool(self) -> bool:
        """Whether a tool call is running; one that waits for leave is not."""
        state = self._recorder.state
        return bool(state.running) and not state.questions

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for what shows in the journal; returns as well when nothing will show any more."""
        while not condition() and not self._recorder.fenced:
            await self._recorder.wait_news(self._recorder.state.head_seq)

    async def _finish(self, phase: Phase) -> None:
        self._draining = True
        self._oversight.release()
        await self._preparation.end()
        await self._driver.cancel("drained")
        await self._driver.close()
        # The turn's own end is recorded by the worker; only after it the last phase may stand, and nothing after that.
        await self._wait_until(lambda: self._recorder.state.turn is None)
        self._allowance.close()
        self._say(phase)
        self._recorder.sync()
        self._recorder.fence()
        self._ended.set()

    async def _watch(self) -> None:
        """Look at ownership, budget and idleness, again and again."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._recorder.failure is not None:
                raise self._recorder.failure
            if self._lost() or self._idle():
                self._ended.set()
            self._oversight.look(attended=not self._reception.empty)

    def _lost(self) -> bool:
        """Whether the session is not held here any more; nothing is recorded then."""
        if self._tenure.holds():
            return False
        self._recorder.fence()
        return True

    def _idle(self) -> bool:
        linger = self._duty.linger
        if linger is None or not self._reception.empty or self._driver.busy or self._recorder.state.phase == "starting":
            return False
        return time.monotonic() - self._idle_since > linger

    def _notice(self, *_: object) -> None:
        self._idle_since = time.monotonic()

    def _say(self, phase: Phase, detail: str = "") -> None:
        self._recorder.record(PhaseChanged(phase=phase, detail=detail))


def _daybook(duty: Duty, recorder: Recorder) -> Daybook | None:
    return Daybook(duty.spending, duty.session.id, recorder.state.usage.cost_usd) if duty.spending is not None else None


def _last_detail(recorder: Recorder) -> str:
    last = recorder.state.blocks[-1]
    return last.detail if last.type == "turn" else ""


def _was_said(recorder: Recorder, sentence: str) -> bool:
    return any(b.type == "note" and b.text == sentence for b in recorder.state.blocks)


async def serve(duty: Duty) -> None:
    """Run the session that ``duty`` names until it is over here.

    Raises `NotOwner` when it is not held here, `RunnerBusy` when it is served already, `JournalDamaged`.
    """
    async with hold(duty.session):
        lease = firm_lease(duty.session)
        if not may_run(lease, lease.epoch):
            raise NotOwner("This session is not held here.", "castoff runs shows where it is.")
        tenure = Tenure(duty.session.path, lease.epoch)
        recorder = Recorder(duty.session.journal, lease.epoch, tenure.holds)
        try:
            await Runner(duty, recorder, tenure).run()
        finally:
            recorder.close()
