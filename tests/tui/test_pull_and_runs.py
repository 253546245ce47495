"""Runs, reattaching, steering, stopping, and taking a run home."""

import asyncio

import pytest

from remote.errors import HostUnreachable, RemoteError, TerminalFailed
from remote.findings import Problem
from remote.run import Runs, Unreachable
from remote.steps import Connecting, StillHere
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage, Stand
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove
from tui.backend import Signpost
from tui.lines_view import Lines
from tui.pull import Pull
from tui.quiet import QUIET_SECONDS
from tui.review import DiffScreen, HunkList
from tui.runs import RunsScreen
from tui.runs_table import RunsTable
from tui.signpost import SignpostScreen
from tui.workspace import Workspace

AWAY = PLACE.model_copy(update={"host": "vm"})


def _backend() -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.parts = [recorded.RUNS]
    backend.diffs = {"": recorded.diff(), "vm": recorded.diff()}
    backend.home = DoubleMove(list(recorded.PULL))
    return backend


def _table(stand: Stand) -> RunsTable:
    return stand.app.screen.query_one(RunsTable)


def _plain(stand: Stand, name: str) -> str:
    return stand.app.screen.query_one(f"#{name}", Lines).plain


async def _open(stand: Stand) -> None:
    await stand.pilot.press("ctrl+r")
    await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen) and _table(stand).runs)


@pytest.mark.parametrize("size", SIZES)
async def test_lists_runs_and_who_does_not_answer(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(_backend(), size) as stand:
        await _open(stand)
        text = " ".join(_table(stand).plain.split())
        assert (
            "parser ● working" in text and "plan ████░░ 4/6 · 3 files touched · $0.42 of $2.00 · 3 of 30 turns" in text
        )
        assert "api-timeouts ? needs you" in text and "May I run alembic upgrade head?" in text
        assert "cost unknown" in text and "‖ paused: budget" in text and "The time budget is used up." in text
        assert "barge does not answer: no answer at barge.example" in text


async def test_runs_and_sessions_that_cannot_be_read_are_named(stage: Stage) -> None:
    backend = _backend()
    backend.parts = [recorded.RUNS, Runs(damaged=("On vm: The session abc cannot be read.",))]
    backend.unreadable = ("The session xyz cannot be read.",)
    async with stage(backend) as stand:
        await stand.wait(lambda: any("xyz" in n for n in stand.notices))
        await _open(stand)
        await stand.wait(lambda: "On vm: The session abc cannot be read." in _table(stand).plain)
        assert "parser" in _table(stand).plain


async def test_rows_appear_as_hosts_answer(stage: Stage) -> None:
    backend = _backend()
    gate = asyncio.Event()
    first, rest = recorded.RUNS.runs[:2], recorded.RUNS.runs[2:]
    backend.parts = [Runs(runs=first), gate, Runs(runs=rest, unreachable=recorded.RUNS.unreachable)]
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("down")
        assert len(_table(stand).runs) == 2 and "asking" in _plain(stand, "runs-title")
        gate.set()
        await stand.wait(lambda: len(_table(stand).runs) == 4)
        assert _table(stand).marked == ("vm", "b7aa00q2m9x4")
        await stand.wait(lambda: "asked now" in _plain(stand, "runs-title"))


async def test_a_dead_runner_is_said(stage: Stage) -> None:
    backend = _backend()
    backend.parts = [Runs(runs=(recorded.run("aaaaaaaaaaaa", "parser", alive=False),))]
    async with stage(backend) as stand:
        await _open(stand)
        assert "its runner is gone" in _table(stand).plain


async def test_damaged_settings_are_a_sentence(stage: Stage) -> None:
    backend = _backend()
    backend.parts = [RemoteError("The settings file is damaged.", "Mend it.")]
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+r")
        await stand.wait(lambda: stand.notices)
        assert "damaged" in stand.notices[0]


async def test_enter_reattaches_to_the_run(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace) and len(stand.backend.attached) == 2)
        assert stand.backend.attached[1].host == "vm"
        await stand.wait(lambda: stand.backend.viewers[0].closed)
        await stand.wait(lambda: "vm" in _plain(stand, "status"))


async def test_diff_and_back(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("d")
        await stand.wait(lambda: isinstance(stand.app.screen, DiffScreen))
        await stand.wait(lambda: "csv.reader" in stand.app.screen.query_one(HunkList).plain)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))


async def test_steer_sends_a_prompt(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("s")
        await stand.type("xdpr")
        await stand.pilot.press("enter")
        await stand.wait(lambda: len(stand.backend.viewers) == 2 and stand.backend.viewers[1].closed)
        assert stand.backend.viewers[1].sent == [("prompt", "xdpr")]
        assert stand.backend.stopped == []
        assert any("has your prompt" in n for n in stand.notices)


async def test_escape_leaves_steering_first(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("s", "a", "escape")
        assert isinstance(stand.app.screen, RunsScreen)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))


async def test_stop_takes_two_presses(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("x")
        assert stand.backend.stopped == [] and "x again stops" in _plain(stand, "runs-foot")
        await stand.pilot.press("down")
        assert "x again stops" not in _plain(stand, "runs-foot"), "at the other run, x asks first"
        await stand.pilot.press("x")
        assert stand.backend.stopped == []
        await stand.pilot.press("x")
        await stand.wait(lambda: stand.backend.stopped)
        assert stand.backend.stopped == [("vm", "b7aa00q2m9x4")]


async def test_one_id_on_two_hosts_is_two_runs(stage: Stage) -> None:
    backend = _backend()
    run = recorded.RUNS.runs[0]
    backend.parts = [Runs(runs=(run, run.model_copy(update={"host": "barge"})))]
    async with stage(backend) as stand:
        await _open(stand)
        marked = [line for line in _table(stand).plain.splitlines() if line.startswith("▸")]
        assert len(marked) == 1
        await stand.pilot.press("x", "down")
        assert "again stops" not in _plain(stand, "runs-foot")
        await stand.pilot.press("x")
        assert backend.stopped == []
        await stand.pilot.press("x")
        await stand.wait(lambda: backend.stopped == [("barge", run.run_id)])


async def test_refresh_asks_again(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        stand.backend.parts = [Runs()]
        await stand.pilot.press("r")
        await stand.wait(lambda: not _table(stand).runs)
        assert "No session is away" in _table(stand).plain


async def test_silent_hosts_are_no_proof_that_nothing_is_away(stage: Stage) -> None:
    backend = _backend()
    backend.parts = [Runs(unreachable=recorded.RUNS.unreachable)]
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+r")
        await stand.wait(lambda: "No host answered." in _table(stand).plain)
        assert "No session is away" not in _table(stand).plain


async def test_no_hosts_teaches(stage: Stage) -> None:
    backend = _backend()
    backend.parts, backend.host_cards = [], ()
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+r")
        await stand.wait(lambda: isinstance(stand.app.screen, RunsScreen))
        await stand.wait(lambda: "castoff host add" in _table(stand).plain)
        await stand.pilot.press("enter", "d", "p", "s", "x")
        assert all("no run" in n for n in stand.notices)


@pytest.mark.parametrize("size", SIZES)
async def test_pull_reviews_then_brings_it_home(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(_backend(), size) as stand:
        await _open(stand)
        await stand.pilot.press("p")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull))
        await stand.wait(lambda: "4 files would change here, 2 commits would come along" in _plain(stand, "body"))
        assert "src/legacy_split.py" in _plain(stand, "body") and "−31 deleted" in _plain(stand, "body")
        assert stand.backend.home.decisions == []
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "The session is here again." in _plain(stand, "body"))
        assert stand.backend.home.decisions == ["go"]
        assert "kept in moves/3/keep" in _plain(stand, "body")
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace) and len(stand.backend.attached) == 2)
        assert stand.backend.attached[1].host == ""


async def test_escape_after_the_pull_goes_on_here_too(stage: Stage) -> None:
    backend = _backend()
    backend.place = AWAY
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+l")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull) and "would change" in _plain(stand, "body"))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "The session is here again." in _plain(stand, "body"))
        await stand.pilot.press("escape")
        await stand.wait(lambda: "Once more, to be sure" in _plain(stand, "foot"))
        assert isinstance(stand.app.screen, Pull)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace) and backend.attached[-1].host == "")


async def test_pull_escape_changes_nothing(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("p")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull) and "would change" in _plain(stand, "body"))
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.backend.home.decisions == ["cancel"])


async def test_a_pull_that_is_refused_says_why(stage: Stage) -> None:
    backend = _backend()
    review = recorded.REVIEW.model_copy(
        update={"problems": (Problem(code="changed", sentence="README changed here too.", way_out="Commit it first."),)}
    )
    backend.home = DoubleMove([Connecting(host="vm"), review])
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("p")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull) and "README changed" in _plain(stand, "body"))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.passes(0.1)
        assert backend.home.decisions == []
        assert "Enter" not in _plain(stand, "foot")


async def test_a_pull_that_fails_leaves_the_run(stage: Stage) -> None:
    backend = _backend()
    backend.home = DoubleMove([Connecting(host="vm"), StillHere(code="x", reason="The link broke.", way_out="Again.")])
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("p")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull) and "The link broke." in _plain(stand, "body"))
        assert "Still on vm" in _plain(stand, "body")


async def test_a_session_that_is_away_is_a_signpost(stage: Stage) -> None:
    backend = DoubleBackend(place=Signpost(place=AWAY))
    async with stage(backend) as stand:
        assert isinstance(stand.app.screen, SignpostScreen)
        assert "This session is on vm." in _plain(stand, "signpost")
        assert backend.attached == []
        await stand.pilot.press("enter")
        await stand.wait(lambda: backend.attached == [AWAY])


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Runs(runs=(recorded.run(AWAY.session_id, "x"),)), "It goes on there."),
        (Runs(runs=(recorded.run(AWAY.session_id, "x", phase="finished"),)), "Its work there is done (4 s ago)."),
        (Runs(runs=(recorded.run(AWAY.session_id, "x", phase="needs-input"),)), "It waits for you there (4 s ago)."),
        (Runs(runs=(recorded.run(AWAY.session_id, "x", alive=False),)), "its runner there is gone"),
        (Runs(unreachable=(Unreachable(host="vm", reason="No answer."),)), "vm does not answer: No answer."),
    ],
)
async def test_the_signpost_says_how_the_run_stands(stage: Stage, part: Runs, words: str) -> None:
    answer = asyncio.Event()
    backend = DoubleBackend(place=Signpost(place=AWAY))
    backend.parts = [answer, part]
    async with stage(backend) as stand:
        await stand.wait(lambda: backend.asked == ["vm"])
        assert "It goes on" not in _plain(stand, "signpost"), "nothing is known yet"
        answer.set()
        await stand.wait(lambda: words in _plain(stand, "signpost"))


async def test_the_signpost_pulls_and_begins_anew(stage: Stage) -> None:
    backend = _backend()
    backend.events = []
    backend.place = Signpost(place=AWAY, certain=False)
    async with stage(backend) as stand:
        assert "was on its way to vm" in _plain(stand, "signpost")
        await stand.pilot.press("p")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull))
        await stand.pilot.press("escape")
        await stand.wait(lambda: isinstance(stand.app.screen, SignpostScreen))
        await stand.pilot.press("n")
        await stand.wait(lambda: isinstance(stand.app.screen, Workspace))
        assert stand.workspace.place is None


async def test_a_remote_workspace_says_where_and_pulls(stage: Stage) -> None:
    backend = _backend()
    backend.place = AWAY
    async with stage(backend) as stand:
        assert "vm · castoff" in _plain(stand, "status")
        await stand.pilot.press("f8")
        await stand.wait(lambda: stand.notices)
        assert "on vm already" in stand.notices[0]
        await stand.pilot.press("ctrl+l")
        await stand.wait(lambda: isinstance(stand.app.screen, Pull))


async def test_an_unreachable_host_of_a_run(stage: Stage) -> None:
    backend = DoubleBackend(place=AWAY)
    silent = HostUnreachable("vm does not answer within 5 s.", "Is it on?")
    # Three times, so that the sentence stands for seconds and a slow machine sees it too.
    backend.attach_errors = [silent, silent, silent]
    async with stage(backend) as stand:
        await stand.wait(lambda: "vm does not answer" in _plain(stand, "banner"))
        await stand.wait(lambda: len(backend.attached) == 4)


async def test_t_shows_the_run_s_own_terminal(stage: Stage) -> None:
    backend = _backend()
    backend.no_terminal = TerminalFailed("The run has no terminal now.", "It has one later.")
    async with stage(backend) as stand:
        await _open(stand)
        await stand.pilot.press("t")
        await stand.wait(lambda: stand.notices)
        assert [place.session_id for place in backend.shown] == ["k3v7q2m9x4ab"]
        assert "no terminal now. It has one later." in stand.notices[0]
        stand.app.open_terminal(PLACE)
        await stand.wait(lambda: len(stand.notices) == 2)
        assert "it is here" in stand.notices[1] and len(backend.shown) == 1
