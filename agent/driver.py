"""Drives one agent for the runner: takes up the session, runs turns, carries questions and cancels.

Everything that happens goes into the recorder; nothing here decides what to do next.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.brief import explain_crossing, explain_failure, write_brief
from agent.choosing import apply_policy, choose, note_offer, restore_choices
from agent.classes import classify
from agent.deeds import NO_RULES, Rules
from agent.errors import AgentDied, AgentFailed, CommandRefused, ResumeFailed
from agent.events import (
    AgentStarted,
    Briefed,
    CommandsListed,
    Event,
    Offered,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    Prompted,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    Used,
)
from agent.gates import asks_first
from agent.launch import Launch, Listener, start_program
from agent.logins import name_login
from agent.policy import allow_once, deny_once, judge
from agent.profiles import Profile
from agent.program_log import Redact
from agent.programs import install_sentence
from agent.questions import why_closed
from agent.quirks import settle_session
from agent.recorder import Recorder
from agent.recovery import recall
from agent.sessions import SessionDir
from agent.state import carries_note
from agent.taking_up import choose_way
from agent.usage import CallUsed, Meter
from agent.usage_seen import SeenCall
from agent.versions import is_older

if TYPE_CHECKING:
    from acp import schema

    from agent.agent_process import AgentProcess

_RESEND_SECONDS = 2.0
_CANCEL_SECONDS = 12.0
"""With what a burial takes (`agent.agent_process.LONGEST_END_SECONDS` at worst, some 10 s for an agent that hangs) less
than `agent.budget.STOP_SECONDS`."""


class Driver:
    """One agent process at a time, for one session."""

    def __init__(
        self,
        recorder: Recorder,
        session: SessionDir,
        profile: Profile,
        launch: Callable[[], Launch],
        host: str,
        rules: Rules = NO_RULES,
    ) -> None:
        """``launch`` is asked at each start and may raise `AgentFailed`; ``host`` is this machine's name or "".

        ``rules`` hold here besides the session's own.
        """
        self._rules = rules
        self._tree = session.info.project
        self._recorder = recorder
        self._session = session
        self._profile = profile
        self._launch = launch
        self._host = host
        self._agent: AgentProcess | None = None
        self._worker: AgentProcess | None = None
        """The agent of the turn in progress or of the last one, also while it is being ended."""
        self._meter = Meter(profile.usage, recorder.state.usage, profile.cost)
        self._answers: dict[str, asyncio.Future[str | None]] = {}
        self._numbers = itertools.count(recorder.state.head_seq + 1)
        self._ending = ""
        self._turn: asyncio.Task[schema.PromptResponse] | None = None
        self._busy = False
        self._burial: asyncio.Task[None] | None = None
        self._home: Path | None = None

    @property
    def alive(self) -> bool:
        """Whether an agent is there to be prompted."""
        return self._agent is not None and self._agent.alive

    @property
    def pid(self) -> int | None:
        """The agent's process."""
        return self._agent.pid if self._agent is not None else None

    @property
    def busy(self) -> bool:
        """Whether a turn is in progress here; it ends with its record in the journal."""
        return self._busy

    async def start(self) -> None:
        """Start the agent and open the session, the earlier one if there is one; raises `AgentFailed`.

        Where the agent cannot take it up (`ResumeFailed`) and the user agreed to that, and where it is another agent's,
        a new conversation is begun with a brief.
        """
        await self._bury()
        launch = self._launch()
        self._home, self._tree = launch.home, launch.tree
        if choose_way(self._recorder.state, self._profile.name) == "native":
            self._settle(self._recorder.state.agent_session_id)
        listener = Listener(happened=self._happened, asked=self._asked, used=self._used)
        agent = await self._start(launch, listener)
        try:
            await self._open(agent, launch.redact)
            self._agent = agent
            await self.apply_policy()
            await restore_choices(self._recorder, self._profile, agent)
            self._happened(Offered(knobs=agent.knobs))
        except BaseException:
            # Also when cancelled: a process that nobody holds would live on.
            self._agent = None
            await agent.close(ends_on_eof=self._profile.ends_on_eof)
            raise

    async def _open(self, agent: "AgentProcess", redact: Redact) -> None:
        state, profile = self._recorder.state, self._profile
        way = choose_way(state, profile.name)
        why = explain_crossing(state, profile.name)
        session_id, how = "", "new"
        if way == "native":
            self._check_version(agent.version)
            try:
                session_id, how = await agent.open(state.agent_session_id, profile.resume, profile.manner)
            except ResumeFailed as error:
                if not state.brief_agreed:
                    raise
                way, why = "brief", explain_failure(profile.title, str(error))
        if way != "native":
            session_id, how = await agent.open(None, profile.resume)
        if way == "brief":
            # Before the agent's own record: cut in between, it is begun anew and told again.
            self._recorder.record(Briefed(text=write_brief(self._recorder.state, redact), why=why))
        self._recorder.record(
            AgentStarted(
                agent=profile.name,
                version=agent.version,
                agent_session_id=session_id,
                resumed=how,
                host=self._host,
                lossy=way == "brief",
            )
        )
        state = self._recorder.state
        self._meter = Meter(profile.usage, state.usage, profile.cost, state.begun)

    async def _start(self, launch: Launch, listener: Listener) -> "AgentProcess":
        started = await start_program(launch, self._session.path / "agent.log")
        try:
            # Both take their time; on two processors they take it at once.
            greet_agent = await asyncio.to_thread(_load_protocol)
        except BaseException:
            # Also when cancelled: a process that nobody holds would live on.
            await started.process.end()
            raise
        return await greet_agent(started, launch, listener, frames=self._session.frames)

    def _check_version(self, version: str) -> None:
        """Refuse an agent that is older than the session's last one: it might misread what that one wrote."""
        last = self._recorder.state
        # What castoff's own agent keeps says itself which castoff can read it.
        if self._profile.name != "builtin" and is_older(version, last.agent_version):
            sentence = (
                f"{self._profile.title} {version} is older than {last.agent_version}, which had the session last."
            )
            raise AgentFailed(sentence, install_sentence(self._profile), code="agent-old")

    async def apply_policy(self) -> None:
        """Tell the agent the mode that belongs to the policy, where it has one; raises `AgentFailed`."""
        if self._agent is not None:
            await apply_policy(self._recorder, self._profile, self._agent, self._rules)

    async def choose(self, knob: str, said: str) -> None:
        """Turn one of the agent's knobs as the user said; raises `CommandRefused`, `AgentFailed`."""
        await choose(self._recorder, self._profile, self._agent, knob, said, self._rules)

    async def run_turn(self, prompt: Prompted) -> str:
        """Run one turn and return its stop reason: ACP's, or what `cancel` gave, or ``error``.

        ``died`` is an ``error`` by which the agent ended: another one can go on.
        """
        assert self._agent is not None
        self._ending, self._busy = "", True
        try:
            return await self._run_turn(self._agent, prompt)
        finally:
            self._busy = False

    async def _run_turn(self, agent: "AgentProcess", prompt: Prompted) -> str:
        state = self._recorder.state
        # A brief says itself what was in flight.
        known = (state.brief, state.untold, "" if state.brief else recall(state))
        told = known if carries_note(prompt.text) else ()
        text = "\n\n".join((*filter(None, told), prompt.text))
        self._recorder.record(TurnStarted(prompt_id=prompt.prompt_id))
        self._recorder.record(PhaseChanged(phase="working"))
        self._recorder.sync()
        if self._recorder.fenced:
            return "cancelled"  # whoever holds the session now has the prompt
        self._worker = agent
        self._turn = asyncio.create_task(agent.prompt(text))
        detail, died = "", False
        try:
            reply = await self._turn
            reason = self._ending or reply.stop_reason
            if used := self._meter.read_reply(reply):
                self._recorder.record(used)
        except AgentFailed as error:
            reason, detail = self._ending or "error", str(name_login(error, self._profile, self._host))
            died = isinstance(error, AgentDied) and not self._ending
            await self._bury()
        finally:
            self._turn = None
            self._drop_questions()
        if self._recorder.state.usage.cost_usd is not None and (used := self._meter.end_turn()):
            self._recorder.record(used)
        self._recorder.record(TurnEnded(prompt_id=prompt.prompt_id, stop_reason=reason, detail=detail))
        self._recorder.sync()
        return "died" if died else reason

    async def cancel(self, reason: str) -> None:
        """End the turn in progress, if any, with ``reason``: asked again every 2 s, forced after 12 s.

        Some agents lose a cancel under load, therefore the repetition.
        """
        self._ending = reason
        self._drop_questions()
        deadline = asyncio.get_running_loop().time() + _CANCEL_SECONDS
        turn = self._turn
        # The next turn may begin before we look again; nobody asked to end that one.
        while turn is not None and self._turn is turn and self._agent is not None:
            if asyncio.get_running_loop().time() > deadline:
                await self._bury(polite=False)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RESEND_SECONDS):
                    # An agent that does not read takes no cancel either.
                    await self._agent.cancel()
            await asyncio.wait((turn,), timeout=_RESEND_SECONDS)

    async def force(self, grace: float) -> None:
        """Kill an agent that was asked to end its turn and goes on, unless it ends it within ``grace`` seconds."""
        turn, worker = self._turn, self._worker
        if turn is None or worker is None:
            return
        await asyncio.wait((turn,), timeout=grace)
        if not turn.done():
            worker.kill()
            await self._bury(polite=False)

    def answer(self, request_id: str, option_id: str) -> None:
        """Answer an open question; raises `CommandRefused` if it is not open or has no such option."""
        question = next((q for q in self._recorder.state.questions if q.request_id == request_id), None)
        waiting = self._answers.get(request_id)
        if question is None or waiting is None or waiting.done():
            raise CommandRefused(why_closed(self._recorder.state, request_id), code="not-open")
        if option_id not in {o.option_id for o in question.options}:
            names = ", ".join(o.option_id for o in question.options)
            raise CommandRefused(f"There is no answer {option_id!r}; there are: {names}.", code="no-option")
        waiting.set_result(option_id)

    async def close(self) -> None:
        """End the agent and everything it started."""
        self._drop_questions()
        await self._bury()
        # If it is a move that ends the agent, its files travel now, under the names that they are to have there. Where
        # that fails, the next start fails by the same, and says so.
        with contextlib.suppress(AgentFailed):
            self._settle(self._recorder.state.agent_session_id)

    def _settle(self, session_id: str | None) -> None:
        if session_id and self._home is not None:
            settle_session(self._profile, self._home, session_id, self._session.info.id)

    async def _bury(self, *, polite: bool = True) -> None:
        """End the agent; a burial that has begun is carried through, whoever is cancelled meanwhile.

        Not ``polite``: it was asked for long enough, and the end of its input is not waited for.
        """
        agent, self._agent = self._agent, None
        if agent is not None:
            self._burial = asyncio.create_task(agent.close(ends_on_eof=polite and self._profile.ends_on_eof))
        if self._burial is not None:
            await asyncio.shield(self._burial)

    def _happened(self, event: Event) -> None:
        if isinstance(event, Used):
            event = self._meter.read_update(event)
        if isinstance(event, Offered):
            note_offer(self._recorder, self._profile, event)
            return
        if isinstance(event, CommandsListed) and event.commands == self._recorder.state.commands:
            return  # some agents say it again with every turn
        self._recorder.record(event)

    def _used(self, call: CallUsed) -> None:
        if used := self._meter.read_call(call):
            self._recorder.record(used)

    def count(self, call: SeenCall) -> None:
        """Record a call of the agent's model that was seen from outside."""
        self._recorder.record(self._meter.read_seen(call))

    async def _asked(self, call: ToolCalled, options: tuple[PermissionOption, ...]) -> str | None:
        if self._recorder.fenced or self._ending:
            return None
        # The request may be the first that is seen of the call, and may carry less than is known already.
        self._recorder.record(call)
        request_id = f"q{next(self._numbers)}"
        self._recorder.record(PermissionAsked(request_id=request_id, call_id=call.call_id, options=options))
        state = self._recorder.state
        tool = next(b for b in state.blocks if b.type == "tool" and b.call_id == call.call_id)
        verdict = judge(state.policy, state.rules | self._rules, tool.tool_kind, classify(tool, self._tree))
        chosen = deny_once(options) if verdict == "deny" else None
        if verdict == "allow" and not asks_first(state, tool):
            chosen = allow_once(options)
        if chosen is not None or verdict == "deny":
            self._recorder.record(PermissionAnswered(request_id=request_id, option_id=chosen, by="policy"))
            return chosen
        return await self._wait_answer(request_id)

    async def _wait_answer(self, request_id: str) -> str | None:
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        self._recorder.record(PhaseChanged(phase="needs-input"))
        self._recorder.sync()
        chosen = None
        try:
            chosen = await answer
        finally:
            del self._answers[request_id]
            by = "cancel" if chosen is None else "user"
            self._recorder.record(PermissionAnswered(request_id=request_id, option_id=chosen, by=by))
            if not self._answers and self._turn is not None:
                self._recorder.record(PhaseChanged(phase="working"))
        return chosen

    def _drop_questions(self) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)


def _load_protocol():
    from agent.agent_process import greet_agent

    return greet_agent
