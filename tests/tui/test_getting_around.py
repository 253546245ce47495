"""Jump mode, and going from one session to another."""

import pytest

from tests.tui import recorded
from tests.tui.conftest import SIZES, Stage
from tests.tui.doubles import PLACE, DoubleBackend
from tui.backend import Signpost
from tui.chooser import Choice, ChoiceList, Chooser, narrowed
from tui.composer import Composer
from tui.jump import JumpScreen
from tui.panes import DiffPane
from tui.signpost import SignpostScreen
from tui.transcript import Transcript


@pytest.mark.parametrize("size", SIZES)
async def test_a_letter_goes_to_a_pane(stage: Stage, size: tuple[int, int]) -> None:
    async with stage(DoubleBackend(recorded.working()), size=size) as stand:
        workspace = stand.workspace
        for name, kind in (("diff", DiffPane), ("transcript", Transcript), ("composer", Composer)):
            await stand.pilot.press("alt+j")
            await stand.wait(lambda: isinstance(stand.app.screen, JumpScreen))
            jump = stand.app.screen
            assert isinstance(jump, JumpScreen)
            await stand.pilot.press(next(letter for letter, target in jump.targets.items() if target.name == name))
            await stand.wait(lambda kind=kind: workspace.query_one(kind).has_focus)
        assert workspace.query_one(Composer).text == "", "the letters are not typed"
        await stand.pilot.press("alt+j", "escape")
        await stand.wait(lambda: stand.app.screen is workspace)
        assert workspace.query_one(Composer).has_focus


def test_words_narrow_a_list() -> None:
    rows = [Choice("1", "Mend the parser", "on vm"), Choice("2", "Write docs", "here"), Choice("3", "Parser", "here")]
    assert [c.value for c in narrowed(rows, "PARSER here")] == ["3"]
    assert narrowed(rows, "") == rows and narrowed(rows, "x y") == []


async def test_one_goes_from_session_to_session(stage: Stage) -> None:
    away = PLACE.model_copy(update={"session_id": "b" * 8, "title": "Write [b]docs[/b] \x1b[31m", "host": "vm"})
    offered = PLACE.model_copy(update={"session_id": "c" * 8, "title": "Bump versions", "host": "vm2"})
    backend = DoubleBackend(recorded.working())
    async with stage(backend) as stand:
        await stand.pilot.press("ctrl+s")
        await stand.wait(lambda: any("no session of this project" in n for n in stand.notices))
        backend.others = (PLACE, Signpost(place=away), Signpost(place=offered, certain=False))
        await stand.pilot.press("ctrl+s")
        await stand.wait(lambda: isinstance(stand.app.screen, Chooser))
        rows = stand.app.screen.query_one(ChoiceList)
        assert "Write [b]docs[/b]" in rows.plain and "on vm2, its host has not answered yet" in rows.plain
        assert rows.rows[rows.at].value == PLACE.session_id
        await stand.pilot.press("down", "enter")
        await stand.wait(lambda: backend.attached[-1] == away)
        await stand.pilot.press("ctrl+s", *"bump", "enter")
        await stand.wait(lambda: isinstance(stand.app.screen, SignpostScreen))
