"""The plan of a pull on screen: executable files one by one, a mass deletion, clashes, and what was left open."""

import pytest

from remote.steps import Home, Planned, Verified
from remote.terms import Agreed
from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage, Stand
from tests.tui.doubles import PLACE, DoubleBackend, DoubleMove
from tests.tui.recorded import PLAN
from tests.tui.recorded import PLANNED_HOME as HOME
from tui.lines_view import Lines
from tui.pull import Pull
from tui.quiet import QUIET_SECONDS

AWAY = PLACE.model_copy(update={"host": "vm"})


def _backend(plan: Planned = PLAN, home: Home = HOME) -> DoubleBackend:
    backend = DoubleBackend(recorded.working(), place=AWAY)
    at = next(index for index, step in enumerate(recorded.PULL) if isinstance(step, Verified)) + 1
    backend.home = DoubleMove([*recorded.PULL[:at], plan, *recorded.PULL[at:-1], home])
    return backend


def _plain(stand: Stand, name: str) -> str:
    return " ".join(stand.app.screen.query_one(f"#{name}", Lines).plain.split())


async def _open_plan(stand: Stand, asked: str) -> None:
    await stand.pilot.press("ctrl+l")
    await stand.wait(lambda: isinstance(stand.app.screen, Pull) and "would change here" in _plain(stand, "body"))
    await stand.pilot.pause(QUIET_SECONDS)
    await stand.pilot.press("enter")
    await stand.wait(lambda: asked in _plain(stand, "body"))
    await stand.pilot.pause(QUIET_SECONDS)


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_taken_is_what_was_chosen(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(_backend(), size) as stand:
        await _open_plan(stand, "2 files to look at first")
        text = _plain(stand, "body")
        assert "[ ] Makefile added, make runs it" in text and "all: " in text and "\x1b" not in text
        assert "The run deleted 30 of 40 files. They stay here." in text
        assert text.index("Makefile") < text.index("1 clash") < text.index("2 files changed by the run")
        await stand.pilot.press("down", "space", "d")
        text = _plain(stand, "body")
        assert "[ ] Makefile" in text and "[x] tool.sh" in text and "They are deleted here too." in text
        await stand.pilot.pause(QUIET_SECONDS)
        await stand.pilot.press("enter")
        await stand.wait(lambda: "The session is here again." in _plain(stand, "body"))
        assert stand.backend.home.decisions == ["go", Agreed(accept=("tool.sh",), deletions=True)]
        text = _plain(stand, "body")
        assert "for the run's: cp -- '/state/a b/run/src/rows.py' src/rows.py" in text
        assert "chmod 755 -- tool.sh" in text and "The run's commits were refused." in text


async def test_escape_at_the_plan_says_no(stage: Stage) -> None:
    async with stage(_backend()) as stand:
        await _open_plan(stand, "2 files to look at first")
        await stand.pilot.press("escape")
        await stand.wait(lambda: not isinstance(stand.app.screen, Pull))
        await stand.wait(lambda: "cancel" in stand.backend.home.decisions)


async def test_nothing_to_ask_is_not_asked(stage: Stage) -> None:
    async with stage(_backend(Planned(changes=PLAN.changes))) as stand:
        await _open_plan(stand, "The session is here again.")
        assert "cancel" not in stand.backend.home.decisions
