"""The limit of a day over all runs of a machine: who adds up to it, what it does, and what is not known."""

import shutil
from pathlib import Path

import pytest

from agent.budget import Share
from agent.daybook import DAILY, Daybook, add_up, read_daily, set_daily, tell, tell_mark, today

NOON = 1_800_000_000.0
DAY = 24 * 3600.0


class Times:
    """Clocks that stand where they are put."""

    wall = NOON
    steady = 0.0

    def book(self, folder: Path, name: str, total: float | None = None) -> Daybook:
        return Daybook(folder, name, total, wall=lambda: self.wall, steady=lambda: self.steady)


@pytest.fixture
def times() -> Times:
    return Times()


def test_without_a_limit_there_is_none_and_what_is_spent_is_known_later(tmp_path: Path, times: Times) -> None:
    book = times.book(tmp_path, "a")
    book.enter(1.5)
    assert book.share() is None and read_daily(tmp_path) is None
    set_daily(tmp_path, 10)
    times.steady += 1
    assert book.share() == Share(DAILY, 1.5, 10)
    set_daily(tmp_path, None)
    times.steady += 1
    assert book.share() is None


def test_all_runs_add_up_and_what_was_spent_elsewhere_does_not(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    one, two = times.book(tmp_path, "a", total=100.0), times.book(tmp_path, "b")
    one.enter(104.0)
    two.enter(5.0)
    two.enter(5.5)
    two.enter(2.0)  # an agent that tells less than before gives nothing back
    assert two.share() == Share(DAILY, 9.5, 10)
    assert not two.share().reached  # type: ignore[union-attr]
    one.enter(104.5)
    times.steady += 1
    share = two.share()
    assert share is not None and share.reached and "$10.00 of the $10.00" in tell(share)


def test_a_later_runner_of_the_session_goes_on_with_its_sheet(tmp_path: Path, times: Times) -> None:
    times.book(tmp_path, "a").enter(2.0)
    times.book(tmp_path, "a", total=2.0).enter(3.0)
    assert add_up(tmp_path, today(NOON)) == 3.0


def test_a_new_day_begins_with_nothing(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 1)
    book = times.book(tmp_path, "a")
    book.enter(2.0)
    times.wall, times.steady = NOON + DAY, 1.0
    assert book.share() == Share(DAILY, 0.0, 1)
    book.enter(2.5)
    assert book.share() == Share(DAILY, 0.5, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [today(NOON + DAY), "limit.json"]


def test_what_could_not_be_written_down_is_not_free(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    book = times.book(tmp_path, "a")
    (tmp_path / today(NOON)).touch()  # where a folder belongs
    book.enter(1.0)
    share = book.share()
    assert share is not None and share.reached


@pytest.mark.parametrize("damaged", ["limit.json", "sheet"])
def test_what_is_not_known_is_not_free(tmp_path: Path, times: Times, damaged: str) -> None:
    set_daily(tmp_path, 10)
    book = times.book(tmp_path, "a")
    book.enter(1.0)
    (tmp_path / ("limit.json" if damaged == "limit.json" else f"{today(NOON)}/a.json")).write_text("{")
    book.enter(1.5)
    share = book.share()
    assert share is not None and share.reached and "is not known" in tell(share)


def test_of_several_runners_one_tells_of_each_mark_a_day(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    books = [times.book(tmp_path, name) for name in ("a", "b", "c")]
    told: list[list[int]] = []
    for spent in (4.0, 5.0, 7.0, 8.5, 9.6, 9.9):
        books[0].enter(spent)
        times.steady += 1
        # Each is asked twice, and a runner that is started again is asked as well.
        asked = (*books, *books, times.book(tmp_path, "a", spent))
        told.append([mark for book in asked if (mark := book.claim_mark())])
    assert told == [[], [50], [], [80], [95], []]
    assert tell_mark(Share(DAILY, 8.5, 10), 80) == (
        "80 % of the $10.00 that all runs on this machine may spend a day are used."
    )


def test_marks_are_told_anew_of_another_limit_and_on_another_day(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    book = times.book(tmp_path, "a")
    book.enter(9.0)
    assert [book.claim_mark(), book.claim_mark()] == [80, None]
    set_daily(tmp_path, 18)
    times.steady += 1
    assert [book.claim_mark(), book.claim_mark()] == [50, None]
    set_daily(tmp_path, 10)
    times.wall, times.steady = NOON + DAY, 2.0
    book.enter(18.0)
    assert [book.claim_mark(), book.claim_mark()] == [80, None]


def test_a_lower_mark_is_not_told_after_a_higher_one(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    book, late = times.book(tmp_path, "a"), times.book(tmp_path, "b")
    book.enter(6.0)
    assert late.share() == Share(DAILY, 6.0, 10)  # what it goes on to believe for a moment
    book.enter(9.6)
    assert book.claim_mark() == 95
    assert late.claim_mark() is None


def test_what_cannot_be_claimed_is_told_once_by_each(tmp_path: Path, times: Times) -> None:
    set_daily(tmp_path, 10)
    book = times.book(tmp_path, "a")
    book.enter(9.0)
    assert book.share() is not None
    shutil.rmtree(tmp_path / today(NOON))
    assert [book.claim_mark(), book.claim_mark()] == [80, None]


def test_of_runners_that_pass_a_mark_in_the_same_moment_one_tells(
    tmp_path: Path, times: Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_daily(tmp_path, 10)
    books = [times.book(tmp_path, name) for name in ("a", "b", "c")]
    books[0].enter(9.0)
    exists = Path.exists

    def look(path: Path) -> bool:
        """As all of them see it who look before the first one tells."""
        return path.suffix != ".told" and exists(path)

    monkeypatch.setattr(Path, "exists", look)
    assert [book.claim_mark() for book in books] == [80, None, None]
