"""Models, modes and options: chosen in the composer and the palette, shown in the status line."""

import pytest

from agent.events import AnyEvent, Chosen, Offered, PolicySet
from agent.knobs import Choice, Knob
from tests.tui import recorded
from tests.tui.conftest import Stage, Stand
from tests.tui.doubles import DoubleBackend
from tui.completion import offer_knobs, word_at
from tui.composer import Composer
from tui.knob_commands import read_knob
from tui.lines_view import Lines

LAST = recorded.working()[-1].seq
KNOBS = (
    Knob(
        id="model",
        name="Model",
        value="small-1",
        choices=(Choice(value="small-1", name="Small"), Choice(value="big-2", name="Big [red]\x1b[31m", what="Best")),
    ),
    Knob(
        id="mode",
        name="Mode",
        value="default",
        choices=(
            Choice(value="default", name="Manual", needs="ask"),
            Choice(value="yolo", name="YOLO", needs="accept-all"),
        ),
    ),
    Knob(id="deep think", name="Deep", value="off", choices=(Choice(value="on", name="On"),)),
)


def _session(*more: AnyEvent) -> DoubleBackend:
    events = (PolicySet(policy="ask"), Offered(knobs=KNOBS), *more)
    numbered = [event.model_copy(update={"seq": LAST + n}) for n, event in enumerate(events, 1)]
    return DoubleBackend([*recorded.working(), *numbered])


def _plain(stand: Stand, name: str) -> str:
    return stand.workspace.query_one(f"#{name}", Lines).plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/model bi", ("model", "bi")),
        ("/mode ", ("mode", "")),
        ("/option deep think o", ("deep think", "o")),
        ("/option effort high", ("effort", "high")),
        ("/modes x", None),
        ("/policy ask", None),
    ],
)
def test_what_is_said_of_a_knob(text: str, said: tuple[str, str] | None) -> None:
    assert read_knob(text, KNOBS) == said


def test_what_may_follow_is_completed() -> None:
    assert word_at("/model bi", 9) == (0, "/model bi")
    assert [offer.text for offer in offer_knobs("/model B", KNOBS, "ask")] == ["/model big-2 "]
    assert [offer.what for offer in offer_knobs("/mode yo", KNOBS, "ask")] == ["needs the policy accept-all · YOLO"]
    assert [offer.what for offer in offer_knobs("/mode yo", KNOBS, "accept-all")] == ["YOLO"]
    assert offer_knobs("/model big-2 ", KNOBS, "ask") == [] == offer_knobs("/model big", (), "ask")


async def test_a_model_is_completed_chosen_and_shown(stage: Stage) -> None:
    async with stage(_session()) as stand:
        await stand.wait(lambda: stand.workspace.state.knobs)
        await stand.type("/model b")
        await stand.wait(lambda: "big-2" in _plain(stand, "menu"))
        assert "\x1b" not in _plain(stand, "menu") and "[red]" in _plain(stand, "menu")
        await stand.pilot.press("tab")
        assert stand.workspace.query_one(Composer).text == "/model big-2 "
        await stand.pilot.press("enter")
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("choose", "model", "big-2")]


async def test_the_status_says_a_mode_that_goes_beyond_the_policy(stage: Stage) -> None:
    async with stage(_session()) as stand:
        await stand.wait(lambda: stand.workspace.state.knobs)
        assert "Manual" not in _plain(stand, "status")
        stand.backend.viewer.add(Chosen(seq=LAST + 3, knob="mode", value="yolo"))
        await stand.wait(lambda: "YOLO" in _plain(stand, "status"))


async def test_without_a_value_it_is_told_what_there_is(stage: Stage) -> None:
    async with stage(_session()) as stand:
        await stand.wait(lambda: stand.workspace.state.knobs)
        stand.workspace.query_one(Composer).replace_draft("/model")
        await stand.pilot.press("enter")
        await stand.wait(lambda: any("small-1, big-2" in text for text in stand.notices))
        assert not stand.backend.viewer.sent


async def test_the_palette_has_each_choice(stage: Stage) -> None:
    async with stage(_session()) as stand:
        await stand.wait(lambda: stand.workspace.state.knobs)
        found = {command.title: command for command in stand.app.get_system_commands(stand.app.screen)}
        assert "Model: Big [red]" in " ".join(found) and "\x1b" not in "".join(found)
        assert found["Mode: YOLO"].help == "needs the policy accept-all · YOLO"
        found["Mode: YOLO"].callback()
        await stand.wait(lambda: stand.backend.viewer.sent)
        assert stand.backend.viewer.sent == [("choose", "mode", "yolo")]
