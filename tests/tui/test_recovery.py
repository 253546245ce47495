"""What earlier moves left unfinished is settled in the background while the app starts."""

import asyncio
from typing import Any

import pytest

from remote.errors import SettingsDamaged
from remote.run import Recovered
from tests.tui.conftest import Stage
from tests.tui.doubles import PLACE, DoubleBackend
from tui.backend import Signpost
from tui.signpost import SignpostScreen
from tui.workspace import Workspace

AWAY = PLACE.model_copy(update={"host": "vm"})


def told(**fields: Any) -> Recovered:
    base = {"session_id": PLACE.session_id, "title": "parser", "project": PLACE.project, "sentence": "So it is."}
    return Recovered.model_validate(base | fields)


async def test_the_first_screen_waits_for_no_host(stage: Stage) -> None:
    never = asyncio.Event()
    backend = DoubleBackend()
    backend.recovered = [never, told(result="away")]
    async with stage(backend) as stand:
        await stand.type("hello")
        assert stand.workspace.place == PLACE and not stand.notices
        never.set()
        await stand.wait(lambda: stand.notices)
        assert stand.notices == ["parser: So it is."]


@pytest.mark.parametrize(("result", "screen"), [("here", Workspace), ("home", Workspace), ("away", SignpostScreen)])
async def test_a_signpost_follows_what_was_found_out(stage: Stage, result: str, screen: type) -> None:
    backend = DoubleBackend(place=Signpost(place=AWAY, certain=False))
    backend.recovered = [told(result=result)]
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.notices and isinstance(stand.app.screen, screen))
        if isinstance(stand.app.screen, SignpostScreen):
            await stand.wait(lambda: isinstance(s := stand.app.screen, SignpostScreen) and s.signpost.certain)
        else:
            assert stand.workspace.place == PLACE


async def test_what_cannot_be_settled_is_said_with_a_way_out(stage: Stage) -> None:
    backend = DoubleBackend(place=Signpost(place=AWAY, certain=False))
    backend.recovered = [
        told(result="waiting", choices=("Wait for it.", "Or not.")),
        told(result="waiting", project="/elsewhere", sentence="That is another project's."),
        told(result="lost", project="/elsewhere", sentence="That must be decided."),
    ]
    async with stage(backend) as stand:
        await stand.wait(lambda: len(stand.notices) == 2)
        assert stand.notices == ["parser: So it is. Wait for it.", "parser: That must be decided."]
        assert isinstance(stand.app.screen, SignpostScreen)


async def test_settings_that_cannot_be_read_are_said(stage: Stage) -> None:
    backend = DoubleBackend()
    backend.recovered = [SettingsDamaged("The settings are broken.", "Mend them.")]
    async with stage(backend) as stand:
        await stand.wait(lambda: stand.notices == ["The settings are broken. Mend them."])
