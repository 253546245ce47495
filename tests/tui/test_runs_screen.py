"""The runs screen's list: live, filtered, ordered, with details; and what is done to several runs at once."""

import pytest

import tui.feed
from agent.absence import Absence, Checked
from remote.findings import Problem
from remote.run import Runs, Unreachable
from remote.steps import Connecting, Executable, Planned
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.bulk import BulkDialog
from tui.lines_view import Lines
from tui.review import DiffScreen
from tui.run_details import RunDetails
from tui.runs import RunsScreen
from tui.runs_table import RunsTable


def _backend() -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.parts = [recorded.RUNS]
    backend.diffs = {"": recorded.diff(), "vm": recorded.diff(), "attic": recorded.diff()}
    return backend


def _table(stand: Stand) -> RunsTable:
    return stand.app.screen.query_one(RunsTable)


def _plain(stand: Stand, name: str) -> str:
    return stand.app.screen.query_one(f"#{name}", Lines).plain


def _titles(stand: Stand) -> list[str]:
    return [run.title for run in _table(stand).runs]


async def _open(stand: Stand) -> None:
    await stand.pilot.press("ctrl+r")
    await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen) and _table(stand).runs)


async def test_the_list_is_live_and_what_is_stale_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tui.feed, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(tui.feed, "_SHARE", 0)
    backend = _backend()
    backend.host_cards = tuple(backend.host_cards[0].model_copy(update={"name": name}) for name in ("vm", "attic"))
    async with stage(backend) as stand:
        await _open(stand)
        finished = recorded.RUNS.runs[0].model_copy(update={"phase": "finished"})
        backend.parts = [Runs(runs=(finished,), unreachable=(Unreachable(host="attic", reason="No.", code="x"),))]
        await stand.wait(lambda: "parser             ✓ finished" in _table(stand).plain)
        assert "unreachable for a moment" in _table(stand).plain and "as of" in _table(stand).plain
        assert "docs-site" in _titles(stand), "what it told before is still there"
        await stand.wait(lambda: backend.asked[-1] == "vm")
        await stand.pilot.press("d")
        await stand.wait(lambda: isinstance(stand.app.screen, DiffScreen))
        asked = len(backend.asked)
        await stand.passes(0.1)
        assert len(backend.asked) == asked, "nobody is asked for a list that nobody sees"


async def test_filter_order_and_groups(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("slash")
        await stand.type("attic d")
        await stand.wait(lambda: _titles(stand) == ["docs-site", "migrate-orm"])
        await stand.type("oc")
        await stand.pilot.press("enter")
        await stand.wait(lambda: _titles(stand) == ["docs-site"])
        await stand.pilot.press("d", "escape")
        assert _table(stand).needle == "attic doc", "d was a key again"
        await stand.pilot.press("escape")
        await stand.wait(lambda: len(_titles(stand)) == 4)
        await stand.pilot.press("b", "o", "o")
        await stand.wait(lambda: "── needs you  1 run" in _table(stand).plain)
        assert _titles(stand)[0] == "api-timeouts" and "by state" in _plain(stand, "runs-title")
        await stand.pilot.press("b")
        await stand.wait(lambda: "──" not in _table(stand).plain)


async def test_several_are_paused_after_one_question_with_the_list(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("space", "down", "space", "z")
        await stand.wait(lambda: isinstance(stand.app.screen, BulkDialog))
        text = _plain(stand, "bulk")
        assert "Pause these 2 runs?" in text and "parser" in text and "docs-site" in text and "api" not in text
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))
        assert len(stand.backend.viewers) == 1 and len(_table(stand).picked) == 2
        await stand.pilot.press("z", "y")
        await stand.wait(lambda: any(n == "2 runs paused." for n in stand.notices))
        assert [viewer.sent for viewer in stand.backend.viewers[1:]] == [[("pause",)], [("pause",)]]
        assert {place.title for place in stand.backend.attached[1:]} == {"parser", "docs-site"}
        assert all(viewer.closed for viewer in stand.backend.viewers[1:]) and not _table(stand).picked


async def test_one_that_fails_is_named_and_the_others_go_on(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("slash", *"vm", "enter", "asterisk", "g")
        await stand.wait(lambda: isinstance(stand.app.screen, BulkDialog))
        from agent.errors import ViewerGone

        stand.backend.attach_errors = [ViewerGone("The runner is gone.", "Start it.")]
        await stand.pilot.press("y")
        await stand.wait(
            lambda: any("1 run told to go on. Not parser on vm: The runner is gone." in n for n in stand.notices)
        )
        assert stand.backend.viewers[-1].sent == [("resume",)]


async def test_put_aside_and_back(stage: Stage) -> None:
    backend = _backend()
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("a")
        await stand.wait(lambda: any("still at work" in n for n in stand.notices))
        await stand.pilot.press("down", "down", "a")
        await stand.wait(lambda: "docs-site" not in _titles(stand))
        assert [each.run_id for each in backend.put_aside.aside] == ["zz9aa00q2m9x"]
        await stand.pilot.press("A")
        await stand.wait(lambda: _titles(stand) == ["docs-site"])
        await stand.pilot.press("a", "A")
        await stand.wait(lambda: len(_titles(stand)) == 4 and backend.put_aside.aside == ())


async def test_details_beside_or_over_the_list(stage: Stage) -> None:
    backend = _backend()
    digest = Absence(since=recorded.AT - 7200, turns=2, calls=31, tested=(Checked(command="pytest -q", ok=False),))
    backend.parts = [Runs(runs=(recorded.run("k3v7q2m9x4ab", "parser", digest=digest),))]
    async with stage(backend, (80, 24)) as stand:
        await _open(stand)
        details = stand.app.screen.query_one(RunDetails)
        assert not details.display
        await stand.pilot.press("i")
        await stand.wait(lambda: "Changes  3 files" in details.plain)
        assert "2 turns, 31 tool calls" in details.plain and "✗ pytest -q" in details.plain
        await stand.pilot.press("escape")
        assert not details.display
        await stand.pilot.resize_terminal(140, 40)
        await stand.wait(lambda: details.display)


async def test_several_come_home_but_where_the_user_must_decide(stage: Stage) -> None:
    backend = _backend()
    asks = Planned(executable=(Executable(path="Makefile", change="modified", why="make runs it", text=""),), asks=True)
    moves = {
        "k3v7q2m9x4ab": DoubleMove(list(recorded.PULL)),
        "b7aa00q2m9x4": DoubleMove([Connecting(host="vm"), recorded.REVIEW, asks]),
        "zz9aa00q2m9x": DoubleMove(
            [recorded.REVIEW.model_copy(update={"problems": (Problem(code="x", sentence="It is dirty here."),)})]
        ),
    }
    backend.pull_back = lambda host, run_id: moves[run_id].play()  # type: ignore[method-assign]
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("space", "space", "space", "p", "y")
        await stand.wait(lambda: any("1 run taken home." in n for n in stand.notices))
        said = next(n for n in stand.notices if "1 run taken home." in n)
        assert "Not api-timeouts on vm: it brings 1 file that tools run by themselves" in said
        assert "Not docs-site on attic: It is dirty here." in said
        assert [move.decisions for move in moves.values()] == [["go"], ["go", "cancel"], ["cancel"]]
