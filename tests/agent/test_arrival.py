"""A session that comes to a machine: what it is told there, whole even if a crash cuts the telling."""

import pytest

from agent.arrival import Arrival, arrive
from agent.deeds import Rules
from agent.events import (
    AnyEvent,
    Budget,
    Event,
    Moved,
    Noted,
    PhaseChanged,
    PolicySet,
    Prompted,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from agent.fold import advance
from agent.state import SessionState

_ARRIVAL = Arrival(
    origin="here", to="vm", files=3, size=9, seconds=1.5, proceed=True, budget=Budget(max_turns=4), policy="accept-all"
)


def stamp(events: tuple[Event, ...], after: int, epoch: int) -> list[AnyEvent]:
    return [e.model_copy(update={"seq": after + n, "epoch": epoch}) for n, e in enumerate(events, 1)]  # type: ignore[misc]  # each class is in AnyEvent


def interrupted() -> SessionState:
    events = (
        Prompted(prompt_id="p", text="Do it."),
        TurnStarted(prompt_id="p"),
        ToolCalled(call_id="c", status="in_progress"),
        TurnEnded(prompt_id="p", stop_reason="drained"),
    )
    return advance(SessionState(), stamp(events, 0, 1))


def test_an_interrupted_turn_goes_on_with_a_note() -> None:
    before = interrupted()
    state = advance(before, stamp(arrive(_ARRIVAL, before, 2), before.head_seq, 2))
    assert (state.location, state.arrived, state.policy, state.budget) == ("vm", 2, "accept-all", Budget(max_turns=4))
    (prompt,) = state.queue
    assert "another machine (vm)" in prompt.text and "may have run" in prompt.text and prompt.source == "castoff"


def test_a_last_word_is_said_even_where_nothing_was_interrupted() -> None:
    arrival = _ARRIVAL.model_copy(update={"say": "Run all tests."})
    (prompt,) = [e for e in arrive(arrival, SessionState(), 2) if isinstance(e, Prompted)]
    assert prompt.text.endswith("Run all tests.")


def test_nothing_is_asked_of_a_session_that_was_done() -> None:
    assert not [e for e in arrive(_ARRIVAL, SessionState(), 2) if isinstance(e, Prompted)]


@pytest.mark.parametrize("cut", range(4))
def test_cut_by_a_crash_it_is_told_again_to_the_same_end(cut: int) -> None:
    before = interrupted()
    whole = advance(before, stamp(arrive(_ARRIVAL, before, 2), before.head_seq, 2))
    torn = advance(before, stamp(arrive(_ARRIVAL, before, 2)[:cut], before.head_seq, 2))
    assert torn.arrived < 2
    again = advance(torn, stamp(arrive(_ARRIVAL, torn, 2), torn.head_seq, 2))
    ignored = {"head_seq": 0, "queue": (), "blocks": ()}
    assert again.model_copy(update=ignored) == whole.model_copy(update=ignored)
    assert [p.prompt_id for p in again.queue] == [p.prompt_id for p in whole.queue] == ["arrival-2"]


def test_what_waited_elsewhere_is_not_sent_here_unasked() -> None:
    before = advance(
        SessionState(), stamp((PolicySet(policy="accept-all"), Prompted(prompt_id="p", text="Do it.")), 0, 2)
    )
    home = Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0, policy="ask", rules=Rules(ask=("run",)))
    state = advance(before, stamp(arrive(home, before, 3), before.head_seq, 3))
    assert (state.phase, state.policy, state.rules.ask) == ("paused", "ask", ("run",))
    assert "vm" in state.detail and [prompt.text for prompt in state.queue] == ["Do it."]
    assert not [e for e in arrive(home, SessionState(), 3) if isinstance(e, PhaseChanged)]


def test_what_a_move_left_open_is_told_once() -> None:
    arrival = Arrival(origin="vm", to="here", files=1, size=1, seconds=1.0, note="One clash is left.")
    events = arrive(arrival, SessionState(), 3)
    assert [event.text for event in events if isinstance(event, Noted)] == ["One clash is left."]
    nothing = arrive(arrival.model_copy(update={"note": ""}), SessionState(), 3)
    assert not [event for event in nothing if isinstance(event, Noted)]


def hear(state: SessionState, text: str, stop_reason: str = "end_turn") -> SessionState:
    """The state after a turn with a prompt of this text."""
    turn = (
        Prompted(prompt_id=text, text=text),
        TurnStarted(prompt_id=text),
        TurnEnded(prompt_id=text, stop_reason=stop_reason),
    )
    return advance(state, stamp(turn, state.head_seq, state.epoch))


def test_what_the_agent_must_know_is_kept_until_a_prompt_took_it_along() -> None:
    home = Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0, tell="x.txt is in conflict.")
    state = advance(SessionState(), stamp(arrive(home, SessionState(), 3), 0, 3))
    assert state.untold == "x.txt is in conflict."
    for text, reason in (("/compact", "end_turn"), ("Go on.", "error"), ("Go on.", "crash")):
        assert hear(state, text, reason).untold == state.untold
    for reason in ("end_turn", "cancelled", "drained", "budget"):
        assert hear(state, "Go on.", reason).untold == ""
    away = Arrival(origin="here", to="vm", files=0, size=0, seconds=1.0)
    out = advance(state, stamp(arrive(away, state, 4), state.head_seq, 4))
    assert out.untold.startswith(state.untold), "nobody told it before it left"
    assert "another machine (vm)" in out.untold


def test_what_a_host_wants_the_agent_to_be_told_is_not_told_at_home() -> None:
    there = advance(
        SessionState(), stamp((Moved(origin="here", to="vm", files=0, size=0, seconds=1.0, tell="Obey."),), 0, 2)
    )
    home = Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0)
    told = advance(there, stamp(arrive(home, there, 3), there.head_seq, 3)).untold
    assert "Obey." not in told
    assert told.startswith("Note from castoff: this session came home from vm.")


def test_an_agent_that_is_not_prompted_on_arrival_is_told_where_it_is_with_its_next_prompt() -> None:
    cut = SessionState(turns=1, interrupted_turn="p", interrupted_calls=("c",))
    there = Arrival(origin="here", to="vm", files=0, size=0, seconds=1.0, stays=(".venv/", "a\x1b[2J"))
    told = moved(arrive(there, cut, 2)).tell
    assert "(vm)" in told and "stayed on the other machine: .venv/, a␛" in told
    assert "may have run" in told
    said = arrive(there.model_copy(update={"say": "Go on."}), cut, 2)
    assert moved(said).tell == "", "it is told with its prompt"
    assert "(vm)" in next(event.text for event in said if isinstance(event, Prompted))
    home = moved(arrive(Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0), cut, 3)).tell
    assert "came home from vm" in home and "may have run" in home


def test_what_was_agreed_to_for_a_stay_ends_with_it() -> None:
    away = Arrival(origin="here", to="vm", files=0, size=0, seconds=1.0, brief=True)
    there = advance(SessionState(), stamp(arrive(away, SessionState(), 2), 0, 2))
    assert there.brief_agreed
    home = Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0)
    assert not advance(there, stamp(arrive(home, there, 3), there.head_seq, 3)).brief_agreed


def moved(events: tuple[Event, ...]) -> Moved:
    return next(event for event in events if isinstance(event, Moved))
