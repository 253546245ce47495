"""The loss report on the handoff screen: a table to go through, and a decision about each thing."""

import pytest

from remote.findings import LossKind, Stays
from remote.steps import Connecting, Preflighted
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage, Stand
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.drawing.losses import draw_losses, next_choice
from tui.handoff import Handoff
from tui.quiet import QUIET_SECONDS
from tui.terms_screen import Report

CACHE = Stays(what="cache/", why="ignored by git", files=12, size=3_400_000, kind="ignored", can_carry=True)
NODE = Stays(what="node", why="the session ran it; it is not on the host", kind="command")
GIT = Stays(what="git", why="2.43.0 here, 2.39.5 there", kind="version")
LOGINS = Stays(what="environment and logins", why="the host uses its own")
SEEN = recorded.PREFLIGHT.model_copy(update={"stays": (CACHE, NODE, GIT, LOGINS), "problems": ()})


def body(stand: Stand) -> Report:
    assert isinstance(stand.app.screen, Handoff)
    return stand.app.screen.query_one("#body", Report)


def marked(stand: Stand) -> str:
    return " ".join(row.plain for row in body(stand).lines if row.fill == "selected")


def backend_with(step: Preflighted) -> DoubleBackend:
    backend = DoubleBackend(recorded.working())
    backend.out = DoubleMove([Connecting(host="vm"), step, *recorded.HANDOFF[3:]])
    return backend


@pytest.mark.parametrize("size", SIZES)
async def test_going_through_it_and_deciding(stage: Stage, size: tuple[int, int]) -> None:
    backend = backend_with(SEEN)
    async with stage(backend, size) as stand:
        await stand.pilot.press("f8")
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and "cache/" in body(stand).plain)
        assert marked(stand) == ""
        await stand.pilot.press("down")
        await stand.wait(lambda: "cache/" in marked(stand) and "12 files, 3.4 MB" in marked(stand))
        await stand.pilot.press("down", "space")
        await stand.wait(lambda: "node" in marked(stand) and "stop" in marked(stand))
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        foot = stand.app.screen.query_one("#foot")
        await stand.wait(lambda: "it stops for node" in getattr(foot, "plain", ""))
        assert backend.out.decisions == []
        await stand.pilot.press("space")
        await stand.wait(lambda: "leave" in marked(stand))
        await stand.pilot.press("up", "space")
        await stand.wait(lambda: len(backend.out.terms) == 2)
        assert backend.out.terms[1].carry == ("cache/",)
        await stand.wait(lambda: "cache/" in body(stand).plain and stand.app.focused is body(stand))
        await stand.pilot.press("up")
        await stand.wait(lambda: marked(stand) == "")
        await stand.passes(QUIET_SECONDS + 0.1)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "You can close the laptop" in body(stand).plain)


async def test_space_is_text_in_a_field(stage: Stage) -> None:
    backend = backend_with(SEEN)
    async with stage(backend) as stand:
        await stand.pilot.press("f8")
        await stand.wait(lambda: isinstance(stand.app.screen, Handoff) and "cache/" in body(stand).plain)
        await stand.type("go on")
        screen = stand.app.screen
        assert isinstance(screen, Handoff)
        terms = screen.chosen_terms()
        assert terms is not None and (terms.say, terms.carry) == ("go on", ())


def test_the_choices_of_each() -> None:
    assert [next_choice(CACHE.model_copy(update={"choice": c})) for c in ("leave", "carry", "stop")] == [
        "carry",
        "stop",
        "leave",
    ]
    assert [next_choice(NODE), next_choice(NODE.model_copy(update={"choice": "stop"}))] == ["stop", "leave"]
    assert next_choice(LOGINS) == "leave"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_untrusted_and_long_text_stays_in_its_row(width: int) -> None:
    kinds: tuple[LossKind, ...] = ("outside", "command", "mcp", "process")
    hostile = [Stays(what="\x1b[31m" + "x" * 300 + "\n", why="a\nb\x07 " * 40, size=9, kind=kind) for kind in kinds]
    lines = draw_losses(hostile, width)
    assert all(row.width <= width for row in lines)
    assert not any(char in row.plain for row in lines for char in "\x1b\n\x07")
    assert [row.plain[:10].strip() for row in lines if row.plain[:10].strip()] == ["Outside", "Missing", "MCP", "Ends"]
