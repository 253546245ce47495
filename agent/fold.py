"""The fold of a session's events into its state: pure, and a replay does no harm.

It tolerates every oddity that real agents show: an update for an unknown tool call, a permission before its call,
empty text, a title of ``None``.
"""

from collections.abc import Iterable
from functools import cached_property

from agent.blocks import (
    AgentBlock,
    MoveBlock,
    NoteBlock,
    PermissionBlock,
    PromptBlock,
    SetupBlock,
    TextBlock,
    ThoughtBlock,
    ToolBlock,
    TurnBlock,
)
from agent.events import (
    AgentStarted,
    AnyEvent,
    BriefAgreed,
    Briefed,
    BudgetMarked,
    BudgetSet,
    BudgetTimed,
    Chosen,
    CommandsListed,
    Excused,
    Judged,
    Moved,
    Noted,
    Notified,
    Offered,
    PermissionAnswered,
    PermissionAsked,
    PhaseChanged,
    Planned,
    PolicySet,
    Prompted,
    SetupEnded,
    SetupPrinted,
    SetupStarted,
    TakenBack,
    Text,
    Thought,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    Used,
    WatchSet,
)
from agent.knobs import Knob
from agent.state import SessionState, carries_note
from agent.steps import charge, follow, go_on, rest

_CUT_SHORT = frozenset({"drained", "budget", "watch", "crash", "error"})
"""Stop reasons of turns that did not come to an end of their own and can be taken up again."""
_UNHEARD = frozenset({"crash", "error"})
"""Stop reasons of turns whose prompt the agent may never have got."""
_SETTLED = frozenset({"paused", "failed", "finished", "stopped", "drained"})
"""Phases in which nothing is taken up any more that had crashed."""
_COUNTERS = frozenset({"input_tokens", "output_tokens", "cost_usd"})
"""What only ever grows; an agent that begins to count anew does not make it less."""

_MOST_VERDICTS = 50
_MOST_COSTS = 400
_MOST_DELIVERIES = 100
_HUMAN = (TakenBack, PolicySet, BriefAgreed, BudgetSet, WatchSet, Excused, Moved)
"""What only a human does."""


def advance(state: SessionState, events: Iterable[AnyEvent]) -> SessionState:
    """Fold events into a state; events at or before ``state.head_seq`` are ignored, so that replays do no harm."""
    fold = _Fold(state)
    for event in events:
        if event.seq > fold.head_seq:
            fold.take(event)
    return fold.result()


def _by_user(event: Prompted | PermissionAnswered | Chosen) -> bool:
    return (event.source if isinstance(event, Prompted) else event.by) == "user"


class _Fold:
    """Accumulates one batch in place, so that a long history costs no copy for each event."""

    def __init__(self, state: SessionState) -> None:
        self._base = state
        self._changes: dict[str, object] = {}
        self._blocks = list(state.blocks)
        self._open = [q.request_id for q in state.questions]
        self._queue = list(state.queue)
        self._running = list(state.running)
        self._turn = state.turn
        self._turns = state.turns
        self._tool_calls = state.tool_calls
        self._usage = state.usage
        self._costs = list(state.costs)
        self._steps = state.steps
        self._deliveries = list(state.deliveries)
        self._epoch = state.epoch
        self._at = state.at
        self._budget_at = state.budget_at
        self._interrupted = state.interrupted_turn
        self._interrupted_calls = state.interrupted_calls
        self._pieces: list[str] = []
        self.head_seq = state.head_seq

    # `isinstance` goes through a metaclass for these, and takes ten times as long in a long session.

    @cached_property
    def _tools(self) -> dict[str, int]:
        return {b.call_id: i for i, b in enumerate(self._blocks) if type(b) is ToolBlock}

    @cached_property
    def _questions(self) -> dict[str, int]:
        return {b.request_id: i for i, b in enumerate(self._blocks) if type(b) is PermissionBlock}

    def take(self, event: AnyEvent) -> None:
        """Fold one event; its kind decides what it changes."""
        self.head_seq = event.seq
        before = self._at
        if 0 < self._epoch < event.epoch:
            # From here on it may be another machine's clock: the minutes that were used until now stay as they are.
            self._budget_at += event.at - self._at
        self._epoch = max(self._epoch, event.epoch)
        self._at = event.at
        if isinstance(event, _HUMAN) or (isinstance(event, Prompted | PermissionAnswered | Chosen) and _by_user(event)):
            self._changes["human_at"] = event.at
        if not isinstance(event, Text | Thought):
            self._flush()
        match event:
            case Prompted():
                self._prompted(event)
            case TakenBack():
                self._queue = [prompt for prompt in self._queue if prompt.prompt_id != event.prompt_id]
            case TurnStarted():
                self._turn_started(event)
            case TurnEnded():
                self._turn_ended(event)
            case Text():
                self._text(event, TextBlock)
            case Thought():
                self._text(event, ThoughtBlock)
            case ToolCalled():
                self._tool_called(event)
            case Planned():
                self._changes["plan"] = event.entries
                working = self._turn is not None
                self._steps = follow(self._steps, event.entries, event.at, event.seq, working=working)
            case PermissionAsked():
                self._asked(event)
            case PermissionAnswered():
                self._answered(event)
            case Used():
                self._used(event)
            case PhaseChanged():
                self._phase_changed(event)
            case AgentStarted():
                if self._turn is not None:
                    # It crashed some time after it was last heard.
                    self._steps = rest(self._steps, before)
                self._agent_started(event)
            case CommandsListed():
                self._changes["commands"] = event.commands
            case Briefed():
                self._changes["brief"] = event.text
                self._blocks.append(NoteBlock(seq=event.seq, at=event.at, level="warning", text=event.why))
            case BriefAgreed():
                self._changes["brief_agreed"] = event.agreed
            case Offered():
                self._changes["knobs"] = event.knobs
            case Chosen():
                self._chosen(event)
            case PolicySet():
                self._changes["policy"] = event.policy
                if event.rules is not None:
                    self._changes["rules"] = event.rules
            case BudgetSet():
                self._budget_set(event)
            case BudgetMarked():
                self._budget_marked(event)
            case WatchSet():
                self._changes["watch"] = event.watch
            case Judged():
                self._judged(event)
            case Excused():
                excused = self._changes.get("excused", self._base.excused)
                assert isinstance(excused, frozenset)
                self._changes["excused"] = excused | {f"{event.rule}: {event.key}"}
            case BudgetTimed():
                # What the wall clock said meanwhile counts no more.
                self._budget_at = event.at - event.seconds
            case Moved():
                self._moved(event)
            case SetupStarted():
                self._setup_started(event)
            case SetupPrinted() | SetupEnded():
                self._setup_went_on(event)
            case Noted():
                self._noted(event)
            case Notified():
                self._deliveries.append(event)
            case _:
                pass

    def result(self) -> SessionState:
        """The state after all events taken."""
        self._flush()
        questions = tuple(self._blocks[self._questions[r]] for r in self._open) if self._open else ()
        return self._base.model_copy(
            update=self._changes
            | {
                "head_seq": self.head_seq,
                "epoch": self._epoch,
                "at": self._at,
                "budget_at": self._budget_at,
                "blocks": tuple(self._blocks),
                "queue": tuple(self._queue),
                "questions": questions,
                "running": tuple(self._running),
                "turn": self._turn,
                "turns": self._turns,
                "tool_calls": self._tool_calls,
                "usage": self._usage,
                "costs": tuple(self._costs),
                "steps": self._steps,
                "deliveries": tuple(self._deliveries[-_MOST_DELIVERIES:]),
                "interrupted_turn": self._interrupted,
                "interrupted_calls": self._interrupted_calls,
            }
        )

    def _flush(self) -> None:
        """Join the pieces of streamed text into the last block."""
        if self._pieces:
            last = self._blocks[-1]
            assert isinstance(last, TextBlock | ThoughtBlock)
            self._blocks[-1] = last.model_copy(update={"text": last.text + "".join(self._pieces)})
            self._pieces = []

    def _text(self, event: Text | Thought, block: type[TextBlock] | type[ThoughtBlock]) -> None:
        if not event.text:
            return
        if not self._blocks or type(self._blocks[-1]) is not block:
            self._flush()
            self._blocks.append(block(seq=event.seq, at=event.at, text=""))
        self._pieces.append(event.text)

    def _prompted(self, event: Prompted) -> None:
        for place, waiting in enumerate(self._queue):
            if waiting.prompt_id == event.prompt_id:
                # Said again, or with more to it, before its turn came.
                self._queue[place] = event
                return
        if event.source == "user":
            self._changes["recoveries"] = ()
        self._queue.insert(0 if event.ahead else len(self._queue), event)

    def _turn_started(self, event: TurnStarted) -> None:
        prompt = next((p for p in self._queue if p.prompt_id == event.prompt_id), None)
        if prompt is not None:
            self._queue.remove(prompt)
            self._blocks.append(
                PromptBlock(
                    seq=event.seq,
                    at=event.at,
                    prompt_id=prompt.prompt_id,
                    text=prompt.text,
                    source=prompt.source,
                    said=prompt.said,
                )
            )
        self._turn = event.prompt_id
        self._turns += 1
        self._steps = go_on(self._steps, event.at)
        self._interrupted, self._interrupted_calls = None, ()

    def _turn_ended(self, event: TurnEnded) -> None:
        self._turn = None
        self._steps = rest(self._steps, event.at)
        if event.stop_reason not in _UNHEARD and self._was_noted(event.prompt_id):
            self._changes |= {"untold": "", "brief": ""}
        if event.stop_reason in _CUT_SHORT:
            self._interrupted, self._interrupted_calls = event.prompt_id, tuple(self._running)
        if event.stop_reason not in ("end_turn", "drained", "budget", "watch"):
            self._blocks.append(
                TurnBlock(seq=event.seq, at=event.at, stop_reason=event.stop_reason, detail=event.detail)
            )
        self._running.clear()

    def _was_noted(self, prompt_id: str) -> bool:
        """Whether what was untold went to the agent with this prompt."""
        prompts = (block for block in reversed(self._blocks) if isinstance(block, PromptBlock))
        prompt = next((block for block in prompts if block.prompt_id == prompt_id), None)
        return prompt is not None and carries_note(prompt.text)

    def _tool_called(self, event: ToolCalled) -> None:
        if event.call_id not in self._tools:
            self._tools[event.call_id] = len(self._blocks)
            self._tool_calls += 1
            self._blocks.append(ToolBlock(seq=event.seq, at=event.at, call_id=event.call_id))
        index = self._tools[event.call_id]
        block = self._blocks[index]
        assert isinstance(block, ToolBlock)
        fields = ("title", "tool_kind", "status", "locations", "content", "raw_input")
        update: dict[str, object] = {f: v for f in fields if (v := getattr(event, f)) is not None}
        status = event.status or block.status
        if status in ("completed", "failed"):
            if block.ended_at is None:
                update["ended_at"] = event.at
            if event.call_id in self._running:
                self._running.remove(event.call_id)
        elif event.call_id not in self._running:
            self._running.append(event.call_id)
        self._blocks[index] = block.model_copy(update=update)

    def _asked(self, event: PermissionAsked) -> None:
        self._questions[event.request_id] = len(self._blocks)
        self._open.append(event.request_id)
        self._blocks.append(
            PermissionBlock(
                seq=event.seq, at=event.at, request_id=event.request_id, call_id=event.call_id, options=event.options
            )
        )

    def _answered(self, event: PermissionAnswered) -> None:
        if event.request_id not in self._open:
            return
        self._open.remove(event.request_id)
        index = self._questions[event.request_id]
        update = {"option_id": event.option_id, "by": event.by}
        self._blocks[index] = self._blocks[index].model_copy(update=update)

    def _close_questions(self) -> None:
        """Nobody waits for answers to the questions of an agent process that is gone."""
        for request_id in self._open:
            index = self._questions[request_id]
            self._blocks[index] = self._blocks[index].model_copy(update={"by": "cancel"})
        self._open.clear()

    def _used(self, event: Used) -> None:
        fields = ("input_tokens", "output_tokens", "cost_usd", "context_used", "context_size")
        update = {f: v for f in fields if (v := getattr(event, f)) is not None}
        for counter in _COUNTERS & update.keys():
            update[counter] = max(update[counter], getattr(self._usage, counter) or 0)
        if event.unpriced or event.cost_usd is not None:
            update["unpriced"] = event.unpriced
        if event.cost_usd is not None and update["cost_usd"] != self._usage.cost_usd:
            self._steps = charge(self._steps, update["cost_usd"] - (self._usage.cost_usd or 0.0))
            self._costs.append((event.at, update["cost_usd"]))
            if len(self._costs) >= _MOST_COSTS:
                # The newest one stays, whatever becomes of those before it.
                del self._costs[-2::-2]
        self._usage = self._usage.model_copy(update=update)

    def _phase_changed(self, event: PhaseChanged) -> None:
        if event.phase == "idle" and self._changes.get("phase", self._base.phase) == "paused":
            self._changes["human_at"] = event.at  # nobody else resumes
        self._changes |= {"phase": event.phase, "detail": event.detail}
        if event.phase in _SETTLED:
            self._changes["recoveries"] = ()

    def _noted(self, event: Noted) -> None:
        self._blocks.append(NoteBlock(seq=event.seq, at=event.at, level=event.level, text=event.text))
        if event.recovered:
            earlier = self._changes.get("recoveries", self._base.recoveries)
            assert isinstance(earlier, tuple)
            self._changes["recoveries"] = (*earlier, event.at)

    def _chosen(self, event: Chosen) -> None:
        knobs, chosen = self._knobs()
        value = {event.knob: event.value} if event.value else {}
        kept = {knob: value for knob, value in chosen if knob != event.knob} | value
        self._changes["chosen"] = tuple(kept.items())
        self._changes["knobs"] = tuple(
            knob.model_copy(update={"value": event.value}) if event.value and knob.id == event.knob else knob
            for knob in knobs
        )

    def _knobs(self) -> tuple[tuple[Knob, ...], tuple[tuple[str, str], ...]]:
        knobs, chosen = (self._changes.get(field, getattr(self._base, field)) for field in ("knobs", "chosen"))
        assert isinstance(knobs, tuple) and isinstance(chosen, tuple)
        return knobs, chosen  # pyright: ignore[reportUnknownVariableType]

    def _agent_started(self, event: AgentStarted) -> None:
        known = self._changes.get("agent_session_id", self._base.agent_session_id)
        lossy = self._changes.get("lossy", self._base.lossy)
        if event.lossy:
            self._changes["begun"] = self._usage
        if event.agent != self._changes.get("agent", self._base.agent):
            # What another agent offers is something else, also where it has the same name.
            self._changes |= {"knobs": (), "chosen": ()}
        self._changes |= {
            "lossy": event.lossy or (lossy and event.agent_session_id == known),
            "agent": event.agent,
            "agent_version": event.version,
            "agent_session_id": event.agent_session_id,
        }
        if self._turn is not None:
            self._interrupted, self._interrupted_calls = self._turn, tuple(self._running)
            self._turn = None
        self._running.clear()
        self._close_questions()
        self._blocks.append(
            AgentBlock(
                seq=event.seq,
                at=event.at,
                agent=event.agent,
                version=event.version,
                resumed=event.resumed,
                host=event.host,
                lossy=event.lossy,
            )
        )

    def _budget_set(self, event: BudgetSet) -> None:
        self._changes |= {
            "budget": event.budget,
            "budget_base": self._usage,
            "budget_turns": self._turns,
            "budget_calls": self._tool_calls,
            "budget_marks": (),
        }
        self._budget_at = event.at

    def _budget_marked(self, event: BudgetMarked) -> None:
        marks = self._changes.get("budget_marks", self._base.budget_marks)
        assert isinstance(marks, tuple)
        self._changes["budget_marks"] = (*marks, (event.limit, event.share))
        self._blocks.append(NoteBlock(seq=event.seq, at=event.at, level="warning", text=event.text))

    def _judged(self, event: Judged) -> None:
        earlier = self._changes.get("verdicts", self._base.verdicts)
        assert isinstance(earlier, tuple)
        self._changes["verdicts"] = (*earlier, event)[-_MOST_VERDICTS:]
        self._blocks.append(NoteBlock(seq=event.seq, at=event.at, level="warning", text=event.evidence))

    def _setup_started(self, event: SetupStarted) -> None:
        block = SetupBlock(seq=event.seq, at=event.at, command=event.command, number=event.number, total=event.total)
        self._blocks.append(block)

    def _setup_went_on(self, event: SetupPrinted | SetupEnded) -> None:
        for place in reversed(range(len(self._blocks))):
            block = self._blocks[place]
            if isinstance(block, SetupBlock):
                if isinstance(event, SetupPrinted):
                    update: dict[str, object] = {"output": block.output + event.text}
                else:
                    update = {"status": event.status, "detail": event.detail, "ended_at": event.at}
                self._blocks[place] = block.model_copy(update=update)
                return

    def _moved(self, event: Moved) -> None:
        self._changes |= {"location": event.to, "arrived": event.epoch, "untold": event.tell}
        self._blocks.append(
            MoveBlock(
                seq=event.seq,
                at=event.at,
                origin=event.origin,
                to=event.to,
                files=event.files,
                size=event.size,
                seconds=event.seconds,
                sandbox=event.sandbox,
            )
        )
