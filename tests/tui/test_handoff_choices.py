"""The handoff screen's hosts, level and memory: the second handoff of a project is Ctrl+H, Enter."""

from pathlib import Path

import pytest

from agent.events import AnyEvent, Budget, BudgetSet
from remote.findings import Problem, Stays
from remote.run import Runs
from remote.terms import Terms
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.backend import Glance, HostCard
from tui.drawing.host_rows import draw_hosts
from tui.drawing.moves import can_cancel, cancel_words
from tui.handoff import Handoff
from tui.lines_view import Lines
from tui.memory import MemoryFile, Remembered, keep_choices, recall_terms
from tui.quiet import QUIET_SECONDS

LOGS = Stays(what="*.log", why="git ignores it", files=2, size=900, kind="ignored", can_carry=True)


def _backend() -> DoubleBackend:
    events: list[AnyEvent] = [event for event in recorded.working() if not isinstance(event, BudgetSet)]
    backend = DoubleBackend(events)
    backend.host_cards = tuple(HostCard(name=name, destination=name) for name in ("vm", "big", "old"))
    backend.glances["big"] = Glance(rtt=0.2, load=9.0, processors=8, sandbox="none", free=10**12)
    backend.parts = [Runs()]
    backend.out = DoubleMove(list(recorded.HANDOFF))
    return backend


def _body(stand: Stand) -> str:
    return stand.app.screen.query_one("#body", Lines).plain


async def _open(stand: Stand) -> Handoff:
    await stand.pilot.press("ctrl+h")
    await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and "Travels" in _body(stand))
    screen = stand.app.screen
    assert isinstance(screen, Handoff)
    return screen


async def test_all_hosts_are_there_with_how_far_how_busy_and_how_fenced(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.wait(lambda: "old does not answer." in _body(stand))
        rows = [" ".join(row.split()) for row in _body(stand).splitlines()]
        assert "Hosts ▸ vm 31 ms · load 0.4 of 4 · sandbox open · 41.2 GB free F2 next host" in rows
        assert "big 200 ms · load 9.0 of 8 · no sandbox · 1.0 TB free" in rows
        assert "old ✗ old does not answer." in rows


def test_of_many_hosts_the_chosen_one_is_always_shown() -> None:
    cards = [HostCard(name=f"h{n}", destination="x") for n in range(30)]
    text = "\n".join(row.plain for row in draw_hosts(cards, {}, "h29", 80))
    assert "▸ h29" in text and "and 22 more" in text
    rows = draw_hosts(cards[:1], {"h0": Glance(fault="\x1b]0;x\x07" + "長" * 200)}, "h0", 80)
    assert all(row.width <= 80 for row in rows) and "\x1b" not in rows[0].plain


async def test_the_second_handoff_is_two_keys(stage: Stage) -> None:
    backend = _backend()
    losses = recorded.PREFLIGHT.model_copy(update={"stays": (LOGS,)})
    carried = recorded.PREFLIGHT.model_copy(update={"stays": (LOGS.model_copy(update={"choice": "carry"}),)})
    backend.out.steps[1] = losses
    async with stage(backend) as stand:
        screen = await _open(stand)
        await stand.pilot.press("f2", "f5", "ctrl+t")
        await stand.wait(lambda: screen.host == "big" and backend.out.terms[-1].sandbox == "open")
        await stand.wait(lambda: "Travels" in _body(stand) and "at least open" in _body(stand))
        await stand.pilot.press("up", "up", "up")
        await stand.type("7")
        await stand.pilot.press("down", "down", "down", "down")
        backend.out.steps[1] = carried
        await stand.pilot.press("space")
        await stand.wait(lambda: "carry" in _body(stand))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
    assert backend.memory == Remembered(
        host="big", budget=Budget(max_usd=7), policy="ask", sandbox="open", carry=("*.log",)
    )
    first = backend.out.terms[-1]
    backend.out = DoubleMove([recorded.HANDOFF[0], carried, *recorded.HANDOFF[2:]])
    async with stage(backend) as stand:
        await _open(stand)
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in _body(stand))
    assert backend.out.terms == [first] and backend.out.decisions == ["go"]


async def test_what_was_carried_and_is_no_more_does_not_stand_in_the_way(stage: Stage) -> None:
    backend = _backend()
    backend.memory = Remembered(host="vm", carry=("gone", "*.log"))
    blocked = Problem(code="carry-unknown", sentence="'gone' cannot be carried.")
    backend.out.steps[1] = recorded.PREFLIGHT.model_copy(update={"stays": (LOGS,), "problems": (blocked,)})
    async with stage(backend) as stand:
        await _open(stand)
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert backend.out.terms[1].carry == ("*.log",)
        await stand.wait(lambda: "Travels" in _body(stand))
        await stand.passes(0.05)
        assert len(backend.out.terms) == 2, "what is blocked for another reason is left to the user"


async def test_a_handoff_that_is_not_agreed_to_is_not_remembered(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open(stand)
        await stand.pilot.press("f5", "escape")
        await stand.wait(lambda: not isinstance(stand.app.screen, Handoff))
        assert stand.backend.memory == Remembered()


@pytest.mark.parametrize(
    ("own", "last", "project", "usd"),
    [(1.0, 2.0, 3.0, 1.0), (None, 2.0, 3.0, 2.0), (None, None, 3.0, 3.0), (None, None, None, None)],
)
def test_whose_budget_counts(own: float | None, last: float | None, project: float | None, usd: float | None) -> None:
    said, kept, ours = (Budget(max_usd=each) for each in (project, last, own))
    assert recall_terms(Remembered(budget=kept), ours, said, "go on").budget.max_usd == usd


def test_choices_are_kept_for_one_project(tmp_path: Path) -> None:
    terms = Terms(say="once", policy="ask", budget=Budget(max_turns=3), carry=("a\n",))
    kept = keep_choices("vm", terms)
    MemoryFile(tmp_path / "m", "/p").keep(kept)
    assert MemoryFile(tmp_path / "m", "/p").read() == kept
    assert MemoryFile(tmp_path / "m", "/other").read() == Remembered()
    next((tmp_path / "m").iterdir()).write_bytes(b"{\xff")
    assert MemoryFile(tmp_path / "m", "/p").read() == Remembered()
    assert recall_terms(kept, Budget(), Budget(), "").say == "", "a last word is for once"


def test_what_cancelling_does_is_said_at_each_step() -> None:
    said = {type(step).__name__: cancel_words(step, "vm", pulling=False) for step in recorded.HANDOFF}
    assert said["Connecting"] == said["Preflighted"] == "Cancel now and nothing has happened."
    assert said["Draining"] == "Cancel now and nothing has moved. It stays here, and the agent goes on."
    for name in ("Captured", "Sending", "Verified"):
        assert said[name].startswith("Cancel now and nothing has changed. It stays here, and the agent goes on.")
        assert said[name].endswith("What arrived at vm saves time the next time.")
    for name in ("Offered", "Proved"):
        assert said[name].startswith("Too late to cancel")
    assert [can_cancel(step) for step in recorded.HANDOFF] == [True] * 7 + [False] * 3
