"""What hosts told of runs: kept while a host is silent, ordered, grouped, narrowed, put aside. Pure."""

import pytest

from remote.run import Runs, Unreachable
from tests.tui.recorded import AT, RUNS, run
from tui.archive import Archive, bring_back, put_aside, read_archive, write_archive
from tui.board import (
    GROUPS,
    ORDERS,
    Board,
    close,
    following,
    narrowed,
    ordered,
    rows_of,
    silent_hosts,
    take,
    untroubling,
)
from tui.drawing.runs import draw_run, standing
from tui.errors import SettingsError

SILENT = Unreachable(host="vm", reason="no answer.", code="host-unreachable")


def _told(*parts: Runs) -> Board:
    board = Board()
    for number, part in enumerate(parts):
        board = take(board, part, 10.0 * (number + 1))
    return board


def test_a_host_that_falls_silent_keeps_its_rows_and_says_since_when() -> None:
    board = _told(RUNS, Runs(unreachable=(SILENT,)), Runs(unreachable=(SILENT,)))
    rows = {row.run.title: row for row in rows_of(board, 50.0)}
    assert rows["parser"].silent == 30.0, "since it was silent first"
    assert rows["parser"].age == 40.0, "since it told of it last"
    assert rows["docs-site"].silent is None
    assert [told.host for told in silent_hosts(board)] == ["barge", "vm"]
    again = take(board, Runs(runs=RUNS.runs[:1]), 60.0)
    assert all(row.silent is None for row in rows_of(again, 60.0))


def test_who_was_asked_and_told_of_no_run_has_none() -> None:
    board = _told(RUNS)
    closed = close(board, ("vm",), [])
    assert {row.run.host for row in rows_of(closed, 0.0)} == {"attic"}
    assert [told.host for told in silent_hosts(closed)] == ["barge"], "nobody asked it"
    assert close(board, None, []).told == ()
    assert close(board, ("vm",), [Runs(unreachable=(SILENT,))]).told == board.told


def test_a_host_that_wants_something_of_the_user_is_not_asked_by_itself() -> None:
    refused = Unreachable(host="attic", reason="no.", code="host-key-unknown")
    board = _told(Runs(unreachable=(SILENT, refused)))
    assert untroubling(board, ("vm", "attic", "new")) == ("vm", "new")


@pytest.mark.parametrize(
    ("order", "titles"),
    [
        ("news", ["parser", "api-timeouts", "docs-site", "migrate-orm"]),
        ("name", ["api-timeouts", "docs-site", "migrate-orm", "parser"]),
        ("state", ["api-timeouts", "migrate-orm", "parser", "docs-site"]),
        ("cost", ["api-timeouts", "parser", "docs-site", "migrate-orm"]),
        ("plan", ["docs-site", "parser", "api-timeouts", "migrate-orm"]),
    ],
)
def test_orders(order: str, titles: list[str]) -> None:
    assert order in ORDERS
    ((heading, rows),) = ordered(rows_of(_told(RUNS), 0.0), order, "none")  # pyright: ignore[reportArgumentType]  # of the table
    assert heading == "" and [row.run.title for row in rows] == titles


def test_groups() -> None:
    rows = rows_of(_told(RUNS, Runs(unreachable=(SILENT,))), 30.0)
    assert [heading for heading, _ in ordered(rows, "news", "host")] == ["vm", "attic"]
    found = {heading: [row.run.title for row in group] for heading, group in ordered(rows, "news", "state")}
    assert found == {"unreachable": ["parser", "api-timeouts"], "finished": ["docs-site"], "paused": ["migrate-orm"]}
    assert following("none", GROUPS) == "host"


def test_a_filter_holds_words_of_anything_that_is_shown() -> None:
    rows = rows_of(_told(RUNS), 0.0)
    assert [row.run.title for row in narrowed(rows, "NEEDS you")] == ["api-timeouts"]
    assert [row.run.title for row in narrowed(rows, "attic budget")] == ["migrate-orm"]
    assert narrowed(rows, "x\x1b[2J") == () and len(narrowed(rows, " ")) == 4


def test_what_is_put_aside_comes_back_with_its_next_event(tmp_path: object) -> None:
    one, other = run("aaaa", "a"), run("bbbb", "b")
    archive = put_aside(put_aside(Archive(), [one, other]), [one])
    assert archive.holds(one) and archive.holds(other) and len(archive.aside) == 2
    assert not archive.holds(one.model_copy(update={"head_seq": one.head_seq + 1}))
    assert not archive.holds(one.model_copy(update={"host": "attic"}))
    assert not bring_back(archive, [one]).holds(one) and bring_back(archive, [one]).holds(other)


def test_the_archive_is_kept(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "archive.json"
    assert read_archive(path) == Archive()
    kept = put_aside(Archive(), [run("aaaa", "a")])
    write_archive(path, kept)
    assert read_archive(path) == kept
    path.write_text("{")
    with pytest.raises(SettingsError, match="all are listed"):
        read_archive(path)


def test_state_words() -> None:
    assert standing(run("a", "a", phase="paused", detail="The budget is used up.")).words == "paused: budget"
    assert standing(run("a", "a", phase="paused", used_percent=100.0)).words == "paused: budget"
    assert standing(run("a", "a", phase="paused", detail="It asks the same again.")).words == "paused"
    assert standing(run("a", "a", alive=False)).kind == "failed"
    assert standing(run("a", "a", phase="finished", alive=False)).words == "finished"
    assert standing(run("a", "a"), 200.0).words == "unreachable for 3 min"


def test_a_paused_run_says_why_before_what_it_said_last() -> None:
    paused = run("a", "a", phase="paused", detail="The time is used up.", last_line="pytest", at=AT)
    assert "The time is used up." in "\n".join(line.plain for line in draw_run(paused, False, 0.0, 100))
