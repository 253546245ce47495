"""What a channel gets next: pure."""

from datetime import UTC, datetime

import pytest

from agent.state import SessionState
from remote.lookout import is_low, is_silent
from remote.notification import Notification, gather
from remote.outbox import Pending
from remote.proof import begin_proof, weigh
from remote.rules import Rules, quiet_until
from remote.schedule import Waiting, choose

NIGHT = Rules(quiet="22:00-07:00", zone="Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def waiting(number: int, due: float = 0.0, when: float = 0.0, tries: int = 0) -> Waiting:
    note = Notification(id=f"r-{number}", title=f"castoff: Shop finished {number}", body=f"b [{number}]")
    return Waiting(pending=Pending(about="finished", notification=note, at=when), due=due, tries=tries)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-22T20:59:59", None),
        ("2026-11-22T21:00:00", "2026-11-23T06:00:00"),
        ("2026-11-23T05:59:59", "2026-11-23T06:00:00"),
        ("2026-11-23T06:00:00", None),
        ("2026-07-01T20:30:00", "2026-07-02T05:00:00"),  # summer time
    ],
)
def test_quiet_hours_are_by_the_clock_of_their_zone(now: str, end: str | None) -> None:
    assert quiet_until(NIGHT, at(now)) == (at(end) if end else None)


def test_quiet_hours_by_day_and_none() -> None:
    assert quiet_until(Rules(quiet="09:00-10:00"), at("2026-11-22T09:30:00")) == at("2026-11-22T10:00:00")
    assert quiet_until(Rules(quiet="09:00-10:00"), at("2026-11-22T10:30:00")) is None
    assert quiet_until(Rules(), 0.0) is None


def test_in_quiet_hours_nothing_goes_out_and_after_them_all_of_it_as_one() -> None:
    night, morning = at("2026-11-22T23:00:00"), at("2026-11-23T06:00:01")
    waits = [waiting(n, when=night) for n in range(3)]
    assert choose(waits, (), NIGHT, 100.0, night) == choose(waits, (), NIGHT, 100.0, night + 3600)
    assert choose(waits, (), NIGHT, 100.0, night).now == ()
    assert choose(waits, (), NIGHT, 200.0, morning).now == tuple(waits)


def test_one_after_the_other_until_there_are_too_many_then_all_at_once() -> None:
    rules = Rules(burst=2, window=600, gap=120)
    waits = [waiting(n) for n in range(2)]
    assert choose(waits, (), rules, 1000.0, 0.0).now == (waits[0],)
    assert choose([*waits, waiting(2)], (), rules, 1000.0, 0.0).now == (*waits, waiting(2))
    assert choose(waits, (990.0, 995.0), rules, 1000.0, 0.0).wait == 115.0
    assert choose(waits, (990.0, 995.0), rules, 1115.0, 0.0).now == tuple(waits)
    assert choose(waits, (100.0, 200.0), rules, 1000.0, 0.0).now == (waits[0],), "long ago"


def test_what_was_tried_in_vain_waits_and_holds_up_no_other() -> None:
    again, new = waiting(1, due=50.0, tries=1), waiting(2)
    assert choose([again, new], (), Rules(), 10.0, 0.0).now == (new,)
    assert choose([again], (), Rules(), 10.0, 0.0).wait == 40.0
    assert choose([again, new], (), Rules(), 60.0, 0.0).now == (new,)
    assert choose([], (), Rules(), 60.0, 0.0).wait is None


def test_one_message_for_many_names_the_newest_and_the_ids_of_all() -> None:
    notes = [waiting(n).pending.notification for n in range(40)]
    whole = gather(notes)
    assert whole.title == "castoff: 40 messages" and "… and 35 before." in whole.body
    assert "Shop finished 39 [r-39]" in whole.body and "[r-0..r-39]" in whole.body
    assert len(whole.body) < 500
    assert gather(notes[:1]) == notes[0]
    urgent = notes[0].model_copy(update={"priority": "high"})
    assert (gather([*notes, urgent]).priority, whole.priority) == ("high", "normal")


@pytest.mark.parametrize(
    "changes", [{"quiet": "22-7"}, {"quiet": "25:00-07:00"}, {"zone": "Mars/Base"}, {"zone": "../x"}, {"click": "x"}]
)
def test_rules_that_cannot_be(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"quiet hours|time zone|URL"):
        Rules.model_validate(changes)


def test_a_code_is_taken_once_within_its_time_and_three_tries() -> None:
    proof = begin_proof(1000.0)
    wrong = "0000" if proof.code != "0000" else "1111"
    assert len(proof.code) == 4 and proof.code.isdecimal()
    assert weigh(proof, f" {proof.code}\n", 1899.0) == (None, "")
    assert weigh(proof, proof.code, 1901.0) == (None, "the code is too old.")
    assert weigh(None, proof.code, 1000.0)[1] == "no code is under way."
    left, said = weigh(proof, wrong, 1000.0)
    assert left is not None and said == "that is not the code."
    left, _ = weigh(left, "", 1000.0)
    assert left is not None
    assert weigh(left, "９９９９", 1000.0) == (None, "that is not the code, the third time.")


def test_what_no_event_tells() -> None:
    working = SessionState(phase="working")
    assert is_silent(working, 1800.0, 30.0) and not is_silent(working, 1799.0, 30.0)
    assert not is_silent(working, 10**6, 0.0) and not is_silent(SessionState(phase="idle"), 10**6, 30.0)
    gb = 1 << 30
    assert is_low(gb // 8, 10 * gb, told=False) and not is_low(gb // 2, 10 * gb, told=False)
    assert is_low(3 * gb, 1000 * gb, told=True) and not is_low(3 * gb, 1000 * gb, told=False)
