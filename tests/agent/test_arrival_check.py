"""What is said of the arrival: to the user as a note, to the agent in its first prompt, once."""

from agent.arrival import Arrival, arrive
from agent.arrival_check import ArrivalCheck, tell_agent, tell_user
from agent.events import AnyEvent, Event, Noted, Prompted
from agent.fold import advance
from agent.state import SessionState


def stamped(events: tuple[Event, ...], after: int = 0) -> list[AnyEvent]:
    return [event.model_copy(update={"seq": after + n}) for n, event in enumerate(events, 1)]  # pyright: ignore[reportReturnType]  # every event is one of the union


def arrival(check: ArrivalCheck) -> Arrival:
    return Arrival(origin="here", to="vm", files=3, size=9, seconds=1.0, say="Go on.", check=check)


def test_the_words() -> None:
    all_there = ArrivalCheck(files=1200, programs=3)
    assert tell_user(all_there).endswith(
        "all 1,200 files are as they were sent; the 3 commands that the session used are here."
    )
    assert tell_user(ArrivalCheck(files=2)) == "Checked on arrival: all 2 files are as they were sent."
    assert tell_agent(all_there) == ""
    some = ArrivalCheck(files=2, programs=5, missing=("node", "\x1b[31mgo\n"), outside=("/srv/x",))
    assert "3 of the 5 commands" in tell_user(some) and tell_user(some).endswith("Missing: node, ␛go↵.")
    assert "not installed here: node, ␛go↵." in tell_agent(some) and "/srv/x" in tell_agent(some)
    many = ArrivalCheck(files=2, programs=50, missing=tuple(f"p{n}" for n in range(50)))
    assert tell_user(many).endswith("p11 and 38 more.")
    unknown = ArrivalCheck(files=2, programs=5, unknown="No answer.")
    assert tell_user(unknown).endswith("which commands are here is not known. No answer.")


def test_told_once_however_often_the_start_is_cut_off() -> None:
    given = arrival(ArrivalCheck(files=3, programs=2, missing=("node",)))
    events = arrive(given, SessionState(), 2)
    (note,) = [event for event in events if isinstance(event, Noted)]
    assert note.level == "warning"
    assert any("not installed here: node." in event.text for event in events if isinstance(event, Prompted))
    cut = advance(SessionState(), stamped(events[:-1]))
    again = arrive(given, cut, 2)
    assert not any(isinstance(event, Noted) for event in again)
    whole = advance(cut, stamped(again, after=cut.head_seq))
    later = arrive(given, whole, 4)
    assert any(isinstance(event, Noted) for event in later)
