"""The first paint: what it needs, what it shows, and that nothing typed before the workspace is there gets lost."""

import subprocess
import sys

from textual import events

from tests.tui.conftest import Stand
from tests.tui.doubles import DoubleBackend
from tui.app import CastoffApp
from tui.composer import Composer
from tui.opening import Foot
from tui.roles import COLOURS
from tui.theming import Colours


def test_the_first_paint_waits_for_no_records_and_no_other_screen() -> None:
    """The guard itself sees an offender."""
    for also, loaded in (("", []), (", tui.workspace", ["pydantic", "agent.events", "tui.workspace"])):
        code = f"import sys, tui.cli.root, tui.cli.commands.open, tui.app, agent.paths{also}; "
        code += "print([m for m in ('pydantic', 'agent.events', 'tui.workspace') if m in sys.modules])"
        told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == str(loaded)


async def test_what_is_typed_during_the_opening_is_in_the_composer() -> None:
    shown: list[str] = []
    backend = DoubleBackend()

    def open_world() -> DoubleBackend:
        shown.append(app.screen.query_one(Foot).render().plain)
        for letter in "hi":
            app.post_message(events.Key(letter, letter))
        app.post_message(events.Paste(" there"))
        return backend

    app = CastoffApp(open_world, verase=b"\x7f")
    async with app.run_test(size=(80, 24)) as pilot:
        stand = Stand(app, backend, pilot)
        await stand.wait(lambda: len(app.screen_stack) > 1 and app.screen.query(Composer))
        await stand.wait(lambda: stand.workspace.query_one(Composer).text == "hi there")
    assert "Ask the agent" in shown[0]


def test_the_colours_that_style_sheets_name_are_those_of_a_theme() -> None:
    assert tuple(Colours.model_fields) == COLOURS
