"""Driving a move from the command line: what is shown, what is decided, what Ctrl-C does."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncGenerator

import pytest

from remote.findings import HostFacts, Problem, Stays
from remote.steps import (
    Applied,
    Away,
    Captured,
    Change,
    Connecting,
    Draining,
    HandoffStep,
    Home,
    LinkBack,
    LinkLost,
    Offered,
    Preflighted,
    Proved,
    PullStep,
    Receiving,
    Reviewed,
    Sending,
    SettingUp,
    StillHere,
    Verified,
)
from remote.terms import Decision
from tui.cli.driving import Decider, drive
from tui.cli.output import Output
from tui.cli.step_view import StepView, describe
from tui.drawing.moves import draw_away
from tui.drawing.words import size

FACTS = HostFacts(
    host="vm", user="me", system="Debian 12", runtime="0.1-ab", sandbox="open", free=5_000_000_000, rtt=0.04
)
PREFLIGHTED = Preflighted(
    facts=FACTS, files=3, size=1234, git="main, 1 staged", stays=(Stays(what="node_modules", why="ignored", files=9),)
)
HANDOFF: tuple[HandoffStep, ...] = (
    Connecting(host="vm"),
    SettingUp(detail="installing"),
    PREFLIGHTED,
    Draining(deadline=20),
    Captured(files=3, size=1234),
    Sending(files_done=1, files=3, bytes_done=100, total=1234, rate=1e6),
    Sending(files_done=3, files=3, bytes_done=1234, total=1234, rate=2e6),
    Verified(files=3, digest="ab" * 32),
    LinkLost(host="vm", seconds=60),
    LinkBack(host="vm"),
    Offered(epoch=2),
    Proved(resumed="resume", agent="builtin", agent_session_id="s1"),
    Away(run_id="r1", host="vm", epoch=2, files=3, size=1234, seconds=4.2),
)
REVIEWED = Reviewed(
    run_id="r1", host="vm", changes=(Change(path="a\x1b[31m.py", change="modified", added=2, removed=1),)
)
PULL: tuple[PullStep, ...] = (
    REVIEWED,
    Receiving(files_done=1, files=1, bytes_done=10, total=10, rate=1e3),
    Applied(changed=1, deleted=0, undo="/state/moves/3/keep"),
    Home(run_id="r1", epoch=3, changed=1, deleted=0, seconds=1.0),
)


class Moves:
    """A recorded move: yields steps, keeps the decisions it is sent, and whether it was closed or cancelled."""

    def __init__(self, steps: tuple[HandoffStep, ...] | tuple[PullStep, ...], *, hang_after: int = 99) -> None:
        self.steps, self.hang_after = steps, hang_after
        self.decisions: list[Decision | None] = []
        self.ended = ""
        self.hanging = asyncio.Event()

    async def run(self) -> AsyncGenerator[HandoffStep | PullStep, Decision | None]:
        try:
            for number, step in enumerate(self.steps):
                self.decisions.append((yield step))
                if number >= self.hang_after:
                    self.hanging.set()
                    await asyncio.Event().wait()
            self.ended = "done"
        except asyncio.CancelledError:
            self.ended = "rolled back"
            raise


async def go(_: object) -> Decision:
    """Agree to everything."""
    return "go"


async def play(moves: Moves, *, as_json: bool) -> str:
    """Drive it and return what was printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.closing(StepView(Output(as_json))) as view:
        await drive(moves.run(), view, go)
    return out.getvalue()


@pytest.mark.parametrize("steps", [HANDOFF, PULL], ids=["handoff", "pull"])
async def test_a_decision_is_sent_only_where_one_is_due(steps: tuple[HandoffStep, ...] | tuple[PullStep, ...]) -> None:
    moves = Moves(steps)
    await play(moves, as_json=False)
    assert moves.ended == "done"
    assert moves.decisions == ["go" if s.step in ("preflighted", "reviewed") else None for s in steps]


async def test_json_has_every_step_as_it_is() -> None:
    printed = (await play(Moves(HANDOFF), as_json=True)).splitlines()
    assert [json.loads(line) for line in printed] == [{"type": "step", **s.model_dump(mode="json")} for s in HANDOFF]


async def test_without_a_terminal_there_is_one_line_for_the_bytes() -> None:
    printed = await play(Moves(HANDOFF), as_json=False)
    assert printed.count("sent ") == 1
    assert "sent 3 files, 1.2 kB, 2.0 MB/s" in printed
    assert "stays: node_modules (9 files, 0 B): ignored" in printed
    assert "\x1b" not in printed


async def test_untrusted_names_are_shown_not_sent() -> None:
    assert "\x1b" not in await play(Moves(PULL), as_json=False)


@pytest.mark.parametrize("at", range(len(HANDOFF)))
async def test_cancelling_at_each_step_lets_the_move_roll_back(at: int) -> None:
    moves = Moves(HANDOFF, hang_after=at)
    task = asyncio.create_task(play(moves, as_json=True))
    await moves.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert moves.ended == "rolled back"


def test_every_step_has_words() -> None:
    for step in (*HANDOFF, *PULL):
        assert describe(step), step
    assert describe(StillHere(code="x", reason="y")) == ""


@pytest.mark.parametrize(("settled", "decision"), [("go", "go"), ("cancel", "cancel")])
async def test_what_was_settled_before_needs_no_person(settled: Decision, decision: Decision) -> None:
    assert await Decider("?", settled).decide(PREFLIGHTED) == decision


async def test_a_blocking_problem_is_the_reason_even_with_yes() -> None:
    note, wall = Problem(code="a", sentence="b", blocking=False), Problem(code="c", sentence="d", way_out="e")
    decider = Decider("?", "go")
    assert await decider.decide(PREFLIGHTED.model_copy(update={"problems": (note,)})) == "go"
    assert await decider.decide(REVIEWED.model_copy(update={"problems": (note, wall)})) == "cancel"
    error = decider.refuse(StillHere(code="cancelled", reason="x"))
    assert (error.code, str(error), error.way_out) == ("c", "d", "e")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (1.5e12, "1.5 TB")],
)  # fmt: skip
def test_sizes(number: float, text: str) -> None:
    assert size(number) == text


def test_what_a_handoff_could_not_do_is_told_at_its_end() -> None:
    away = Away(run_id="r1", host="vm", epoch=2, files=3, size=1234, seconds=4.2, notes=("This\nis \x1b[31mso.",))
    told = describe(away).split("\n")
    assert len(told) == 2 and told[1].startswith("  note: This") and "\x1b" not in told[1]
    drawn = "\n".join(each.plain for each in draw_away(away, None, "castoff", 60))
    assert "so." in drawn and "\x1b" not in drawn
