"""The plan's steps over time: worked time only, money as it is reported, and where each began."""

from agent.events import (
    AgentStarted,
    AnyEvent,
    PlanEntry,
    Planned,
    PlanStatus,
    Prompted,
    TurnEnded,
    TurnStarted,
    Used,
)
from agent.fold import advance
from agent.state import SessionState
from agent.steps import Step


def _plan(**steps: PlanStatus) -> Planned:
    return Planned(entries=tuple(PlanEntry(content=content, status=status) for content, status in steps.items()))


def _fold(*events: tuple[float, AnyEvent], state: SessionState | None = None, epoch: int = 1) -> SessionState:
    before = state or SessionState()
    numbered = [
        event.model_copy(update={"seq": before.head_seq + n, "at": at, "epoch": epoch})
        for n, (at, event) in enumerate(events, 1)
    ]
    return advance(before, numbered)


def _turn(at: float, prompt: str = "p") -> list[tuple[float, AnyEvent]]:
    return [(at, Prompted(prompt_id=prompt, text="do")), (at, TurnStarted(prompt_id=prompt))]


def _step(state: SessionState, content: str) -> Step:
    return next(step for step in state.steps if step.content == content)


def test_time_and_money_of_steps_one_after_the_other() -> None:
    state = _fold(
        *_turn(100.0),
        (100.0, _plan(a="pending", b="pending")),
        (110.0, _plan(a="in_progress", b="pending")),
        (130.0, Used(cost_usd=0.5)),
        (140.0, _plan(a="completed", b="in_progress")),
        (150.0, Used(cost_usd=0.7)),
    )
    assert (_step(state, "a").seconds(999.0), _step(state, "a").usd, _step(state, "a").seq) == (30.0, 0.5, 4)
    assert _step(state, "b").seconds(160.0) == 20.0 and round(_step(state, "b").usd or 0, 6) == 0.2
    assert [step.content for step in state.steps] == [entry.content for entry in state.plan]


def test_what_waits_for_the_user_takes_no_time() -> None:
    ended = TurnEnded(prompt_id="p", stop_reason="budget")
    state = _fold(*_turn(100.0), (100.0, _plan(a="in_progress")), (110.0, ended))
    assert _step(state, "a").seconds(9000.0) == 10.0
    state = _fold(*_turn(5000.0, "q"), (5005.0, _plan(a="completed")), state=state)
    assert _step(state, "a").seconds(9000.0) == 15.0


def test_another_machine_s_clock_counts_from_its_own_turn_on() -> None:
    ended = TurnEnded(prompt_id="p", stop_reason="drained")
    state = _fold(*_turn(100.0), (100.0, _plan(a="in_progress")), (110.0, ended))
    state = _fold(*_turn(3.0, "q"), (7.0, _plan(a="completed")), state=state, epoch=2)
    assert _step(state, "a").seconds(0.0) == 14.0


def test_a_crash_ends_the_time_at_what_was_heard_last() -> None:
    started = AgentStarted(agent="x", version="1", agent_session_id="s", resumed="load", host="here")
    state = _fold(*_turn(100.0), (100.0, _plan(a="in_progress")), (105.0, Used(cost_usd=0.1)), (4000.0, started))
    assert _step(state, "a").seconds(9000.0) == 5.0 and _step(state, "a").since is None


def test_a_step_never_seen_at_work_has_no_time_but_a_place() -> None:
    state = _fold(*_turn(100.0), (101.0, _plan(a="completed", b="pending")))
    assert _step(state, "a") == Step(content="a", seq=3) and _step(state, "a").seconds(500.0) is None
    assert _step(state, "b").seq == 0


def test_a_step_keeps_what_is_known_of_it_when_the_plan_is_written_anew() -> None:
    state = _fold(
        *_turn(100.0),
        (100.0, _plan(a="in_progress", b="pending")),
        (110.0, _plan(a_in_other_words="completed", b="in_progress")),
        (115.0, _plan(first="in_progress", a_in_other_words="completed", b="pending")),
    )
    assert _step(state, "a_in_other_words").seconds(0.0) == 10.0
    assert _step(state, "b").seconds(0.0) == 5.0, "it goes back to waiting, and keeps its time"
    assert _step(state, "first").seconds(116.0) == 1.0


def test_two_steps_of_one_name_and_two_at_once() -> None:
    entries = [PlanEntry(content="x", status="in_progress"), PlanEntry(content="x", status="in_progress")]
    state = _fold(*_turn(0.0), (1.0, Planned(entries=tuple(entries))), (2.0, Used(cost_usd=1.0)))
    assert [step.usd for step in state.steps] == [0.5, 0.5]


def test_folding_in_pieces_is_folding_at_once() -> None:
    events = [*_turn(1.0), (2.0, _plan(a="in_progress")), (3.0, Used(cost_usd=1.0)), (9.0, _plan(a="completed"))]
    piece = SessionState()
    for event in events:
        piece = _fold(event, state=piece)
    assert piece.steps == _fold(*events).steps
