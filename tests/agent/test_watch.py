"""A watched run on the real runner: nudged, then paused, and what its user says to that holds."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.duty import Duty
from agent.errors import CommandRefused
from agent.events import Judged, Prompted
from agent.sessions import SessionDir
from tests.agent.reckless import AGENT
from tests.agent.running import Place
from tests.doubles.openai_model import serving


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path) -> Iterator[Place]:
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


def watched(place: Place, *, unattended: bool = True) -> Duty:
    return replace(place.duty([sys.executable, "-I", str(AGENT), "looping"]), unattended=unattended)


async def test_a_loop_is_nudged_then_paused_and_can_be_fine(place: Place) -> None:
    async with place.running(watched(place)) as run:
        await run.viewer.prompt("Look")
        state = await run.until_phase("paused")
        found = [event for event in run.events if isinstance(event, Judged)]
        assert [(verdict.rule, verdict.level) for verdict in found] == [("same_call", "nudge"), ("same_call", "pause")]
        assert state.detail == found[-1].evidence and "6 times" in state.detail
        told = [event.text for event in run.events if isinstance(event, Prompted) and event.source == "castoff"]
        assert len(told) == 1 and "The same call 4 times" in told[0]
        with pytest.raises(CommandRefused, match="Nothing of the kind"):
            await run.viewer.excuse("same_call", "another")
        await run.viewer.excuse(found[-1].rule, found[-1].key)
        calls = state.tool_calls
        state = await run.until(lambda s: s.tool_calls > calls + 30)
        assert state.phase == "working"


async def test_where_somebody_sits_nobody_watches(place: Place) -> None:
    async with place.running(watched(place, unattended=False)) as run:
        await run.viewer.prompt("Look")
        await run.until(lambda s: s.tool_calls > 30)
        assert not any(isinstance(event, Judged) for event in run.events)
