"""The fold: the same in any batches, deaf to replays, and tolerant of what real agents send."""

from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.blocks import Block, PermissionBlock, PromptBlock, TextBlock, ToolBlock, TurnBlock
from agent.events import (
    AgentStarted,
    AnyEvent,
    Budget,
    BudgetSet,
    Event,
    Location,
    Moved,
    Noted,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    PolicySet,
    Prompted,
    Text,
    TextContent,
    Thought,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    Used,
)
from agent.fold import advance
from agent.state import SessionState, Usage
from tests.agent.strategies import event_lists

B = TypeVar("B", bound=Block)

YES = PermissionOption(option_id="yes", name="Yes", kind="allow_once")
STARTED = AgentStarted(agent="builtin", agent_session_id="s", resumed="resume")
TURN = (Prompted(prompt_id="p", text="Go"), TurnStarted(prompt_id="p"))
RUNNING = (*TURN, ToolCalled(call_id="c", title="Run", status="in_progress"))
ASKED = PermissionAsked(request_id="q", call_id="c", options=(YES,))


def number(events: tuple[Event, ...], after: int = 0) -> list[Any]:
    return [event.model_copy(update={"seq": n, "at": float(n)}) for n, event in enumerate(events, after + 1)]


def fold(*events: Event, state: SessionState | None = None) -> SessionState:
    state = state or SessionState()
    return advance(state, number(events, state.head_seq))


def only(state: SessionState, kind: type[B]) -> B:
    (block,) = (block for block in state.blocks if isinstance(block, kind))
    return block


@given(event_lists(), st.data())
def test_any_batches_fold_to_the_same(events: list[AnyEvent], data: st.DataObject) -> None:
    state, rest = SessionState(), events
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        state, rest = advance(state, rest[:count]), rest[count:]
    assert state == advance(SessionState(), events)


@given(event_lists(), st.data())
def test_replays_do_no_harm(events: list[AnyEvent], data: st.DataObject) -> None:
    state = advance(SessionState(), events)
    again = data.draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    assert advance(state, again) == state
    assert advance(advance(SessionState(), events[: len(events) // 2]), events) == state


@given(event_lists())
def test_counters_never_go_down(events: list[AnyEvent]) -> None:
    state = SessionState()
    for event in events:
        before, state = state, advance(state, [event])
        for counter in ("input_tokens", "output_tokens", "cost_usd"):
            was, now = getattr(before.usage, counter), getattr(state.usage, counter)
            assert was is None or now >= was
        assert state.turns >= before.turns and state.epoch >= before.epoch


def test_a_plain_turn() -> None:
    state = fold(*TURN, Text(text="Do"), Text(text="ne."), TurnEnded(prompt_id="p", stop_reason="end_turn"))
    assert [block.type for block in state.blocks] == ["prompt", "text"]
    assert (only(state, PromptBlock).text, only(state, TextBlock).text) == ("Go", "Done.")
    assert (state.queue, state.turn, state.turns, state.interrupted_turn) == ((), None, 1, None)


def test_prompts_wait_in_order() -> None:
    state = fold(Prompted(prompt_id="a", text="A"), Prompted(prompt_id="b", text="B"), TurnStarted(prompt_id="a"))
    assert [prompt.prompt_id for prompt in state.queue] == ["b"]
    assert state.turn == "a"


def test_text_and_thought_are_blocks_of_their_own_and_empty_ones_none() -> None:
    state = fold(Text(text=""), Thought(text=""), Thought(text="Hm"), Text(text="a"), Text(text=""), Text(text="b"))
    assert [(block.type, getattr(block, "text", "")) for block in state.blocks] == [("thought", "Hm"), ("text", "ab")]
    noted = fold(Text(text="a"), Noted(text="between"), Text(text="b"))
    assert [block.type for block in noted.blocks] == ["text", "note", "text"]


def test_usage_between_pieces_of_text_does_not_part_them() -> None:
    state = fold(Text(text="a"), Used(context_used=5), PhaseChanged(phase="working"), Text(text="b"))
    assert only(state, TextBlock).text == "ab"


def test_a_permission_before_its_call() -> None:
    state = fold(ASKED, ToolCalled(call_id="c", title="Run", status="in_progress"))
    assert [block.type for block in state.blocks] == ["permission", "tool"]
    assert [question.request_id for question in state.questions] == ["q"]


def test_an_update_without_a_call() -> None:
    state = fold(ToolCalled(call_id="c", status="completed", content=(TextContent(text="out"),)))
    tool = only(state, ToolBlock)
    assert (tool.title, tool.tool_kind, tool.status, tool.ended_at) == ("", "other", "completed", 1.0)
    assert state.running == ()


def test_what_an_update_leaves_out_stays() -> None:
    called = ToolCalled(
        call_id="c", title="Run ls", tool_kind="execute", status="in_progress", locations=(Location(path="/p/x"),)
    )
    state = fold(called, ToolCalled(call_id="c", content=(TextContent(text="x"),)), ToolCalled(call_id="c", title=None))
    tool = only(state, ToolBlock)
    assert (tool.title, tool.tool_kind, tool.status) == ("Run ls", "execute", "in_progress")
    assert (tool.locations, tool.content) == ((Location(path="/p/x"),), (TextContent(text="x"),))
    assert state.running == ("c",)
    ended = fold(ToolCalled(call_id="c", status="failed"), ToolCalled(call_id="c", raw_input={"a": 1}), state=state)
    assert (ended.running, only(ended, ToolBlock).ended_at) == ((), 4.0)


def test_questions_open_and_answered() -> None:
    asked = fold(*RUNNING, ASKED)
    assert asked.questions == (only(asked, PermissionBlock),)
    answered = fold(PermissionAnswered(request_id="q", option_id="yes", by="user"), state=asked)
    assert answered.questions == ()
    assert (only(answered, PermissionBlock).option_id, only(answered, PermissionBlock).by) == ("yes", "user")
    again = fold(PermissionAnswered(request_id="q", option_id=None, by="cancel"), state=answered)
    assert only(again, PermissionBlock).by == "user"
    unknown = fold(PermissionAnswered(request_id="never", option_id="yes", by="user"), state=asked)
    assert unknown.questions == asked.questions


@pytest.mark.parametrize("reason", ["drained", "budget", "error", "crash"])
def test_a_turn_that_is_cut_short_can_be_taken_up(reason: str) -> None:
    state = fold(*RUNNING, TurnEnded(prompt_id="p", stop_reason=reason))
    assert (state.interrupted_turn, state.interrupted_calls, state.running, state.turn) == ("p", ("c",), (), None)
    taken_up = fold(STARTED, state=state)
    assert (taken_up.interrupted_turn, taken_up.interrupted_calls) == ("p", ("c",))
    going_on = fold(TurnStarted(prompt_id="p2"), state=taken_up)
    assert (going_on.interrupted_turn, going_on.interrupted_calls) == (None, ())


@pytest.mark.parametrize("reason", ["end_turn", "cancelled", "max_tokens", "refusal"])
def test_a_turn_that_ended_is_over(reason: str) -> None:
    state = fold(*RUNNING, TurnEnded(prompt_id="p", stop_reason=reason))
    assert (state.interrupted_turn, state.interrupted_calls, state.running) == (None, (), ())


def test_only_unusual_ends_are_shown() -> None:
    ends = {
        r: fold(*TURN, TurnEnded(prompt_id="p", stop_reason=r, detail="d")) for r in ("end_turn", "drained", "error")
    }
    shown = {r: [b.detail for b in state.blocks if isinstance(b, TurnBlock)] for r, state in ends.items()}
    assert shown == {"end_turn": [], "drained": [], "error": ["d"]}


def test_an_agent_that_starts_finds_a_crash_in_mid_turn() -> None:
    state = fold(*RUNNING, ASKED, STARTED)
    assert (state.turn, state.interrupted_turn, state.interrupted_calls) == (None, "p", ("c",))
    assert (state.questions, state.running) == ((), ())
    assert only(state, PermissionBlock).by == "cancel"


def test_usage_of_before_stays_where_nothing_new_is_said() -> None:
    state = fold(Used(input_tokens=5, cost_usd=0.5), Used(context_used=9, context_size=10), Used(context_used=2))
    assert state.usage == Usage(input_tokens=5, cost_usd=0.5, context_used=2, context_size=10)


def test_cost_that_becomes_unknown_is_a_part_until_the_whole_is_told() -> None:
    partly = fold(Used(cost_usd=0.5), Used(context_used=9, unpriced=True), Used(context_used=10))
    assert partly.usage == Usage(cost_usd=0.5, unpriced=True, context_used=10)
    assert fold(Used(cost_usd=0.6, unpriced=True), state=partly).usage.unpriced
    assert not fold(Used(cost_usd=0.7), state=partly).usage.unpriced


def test_a_budget_counts_from_when_it_was_set() -> None:
    state = fold(*TURN, Used(cost_usd=1.5), BudgetSet(budget=Budget(max_usd=2)), Used(cost_usd=2))
    assert (state.budget.max_usd, state.budget_base.cost_usd, state.budget_turns, state.budget_at) == (2, 1.5, 1, 4.0)


def test_the_rest() -> None:
    plan = (PlanEntry(content="Look"),)
    moved = Moved(origin="here", to="vm", files=3, size=9, seconds=1.5)
    state = fold(Planned(entries=(PlanEntry(content="Old"),)), Planned(entries=plan), moved, STARTED)
    state = fold(PolicySet(policy="accept-edits"), PhaseChanged(phase="paused", detail="Why."), state=state)
    assert (state.plan, state.location, state.policy) == (plan, "vm", "accept-edits")
    assert (state.phase, state.detail, state.agent, state.agent_session_id) == ("paused", "Why.", "builtin", "s")
