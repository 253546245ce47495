"""Models and modes are chosen, kept over restarts, and no mode goes beyond the policy."""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from agent.duty import Duty
from agent.errors import CommandRefused
from agent.events import Chosen, Noted, Offered
from agent.knobs import find_knob
from agent.sessions import SessionDir
from agent.state import SessionState
from tests.agent.running import Place, Running, with_profile
from tests.doubles.openai_model import serving

AGENT = Path(__file__).parents[1] / "doubles" / "choosy_agent.py"
NEEDS = {"default": "ask", "plan": "ask", "edits": "accept-edits", "yolo": "accept-all"}
OWN = {"ask": "default", "accept-edits": "default", "accept-all": "default"}


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path) -> Iterator[Place]:
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


def choosy(place: Place, kind: str = "modes") -> Duty:
    duty = place.duty([sys.executable, "-I", str(AGENT), kind])
    return with_profile(duty, title="Choosy", modes=OWN, mode_needs=NEEDS)


def turned(place: Place) -> list[str]:
    file = place.tree / "turned"
    return file.read_text().splitlines() if file.exists() else []


def values(state: SessionState) -> dict[str, str]:
    return {knob.id: knob.value for knob in state.knobs}


async def offered(run: Running) -> SessionState:
    return await run.until(lambda s: bool(s.knobs) and s.phase != "starting")


@pytest.mark.parametrize(("kind", "request_of_model"), [("modes", "set_model"), ("options", "set_config_option")])
async def test_a_model_is_chosen_and_set_again(place: Place, kind: str, request_of_model: str) -> None:
    async with place.running(choosy(place, kind)) as run:
        state = await offered(run)
        assert values(state)["model"] == "small-1" and values(state)["mode"] == "default"
        assert find_knob(state.knobs, "leave") is None
        await run.viewer.choose("model", "BIG")
        assert turned(place)[-1] == f"{request_of_model} model big-2"
        await run.viewer.prompt("Who are you?")
        state = await run.until_phase("finished")
        assert state.blocks[-1].type == "text" and state.blocks[-1].text == "I am big-2."
        with pytest.raises(CommandRefused, match="There is no model 'huge'; there are: small-1, big-2"):
            await run.viewer.choose("model", "huge")
        with pytest.raises(CommandRefused, match="Choosy has no voice to choose; it has: model, mode"):
            await run.viewer.choose("voice", "deep")
    before = len(turned(place))
    async with place.running(choosy(place, kind)) as run:
        await run.viewer.prompt("Who are you now?")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        assert f"{request_of_model} model big-2" in turned(place)[before:]
        assert values(state)["model"] == "big-2" and state.blocks[-1].type == "text"
        assert state.blocks[-1].text == "I am big-2."
    offers = [event for event in place.events() if isinstance(event, Offered)]
    assert all(first.knobs != second.knobs for first, second in pairwise(offers))


async def test_a_switch_is_a_knob(place: Place) -> None:
    async with place.running(choosy(place, "options")) as run:
        await offered(run)
        await run.viewer.choose("fast", "on")
        assert turned(place)[-1] == "set_config_option fast True"
        state = await run.until(lambda s: values(s)["fast"] == "on")
        assert dict(state.chosen) == {"fast": "on"}


async def test_no_mode_goes_beyond_the_policy(place: Place) -> None:
    async with place.running(choosy(place)) as run:
        await offered(run)
        for mode in ("edits", "yolo"):
            with pytest.raises(CommandRefused, match=f"In its mode {mode}, Choosy does things unasked") as caught:
                await run.viewer.choose("mode", mode)
            assert caught.value.code == "mode-loose"
        with pytest.raises(CommandRefused, match="does not know what Choosy does unasked in its mode new"):
            await run.viewer.choose("mode", "new")
        assert turned(place) == ["set_mode mode default"]
        await run.viewer.choose("mode", "plan")
        await run.viewer.set_policy("accept-edits")
        await run.viewer.choose("mode", "edits")
        assert turned(place)[-1] == "set_mode mode edits"
        await run.viewer.set_policy("ask")
        assert turned(place)[-1] == "set_mode mode default"
        state = await run.until(lambda s: s.policy == "ask" and not s.chosen)
        assert values(state)["mode"] == "default"
        assert any(isinstance(e, Noted) and "not in its mode edits any more" in e.text for e in place.events())


async def test_a_chosen_mode_is_set_again_and_not_the_policys(place: Place) -> None:
    async with place.running(choosy(place)) as run:
        await offered(run)
        await run.viewer.choose("mode", "plan")
        await run.viewer.prompt("Hello")
        await run.until_phase("finished")
    before = len(turned(place))
    async with place.running(choosy(place)) as run:
        await run.viewer.prompt("Hello again")
        await run.until(lambda s: s.turns == 2 and s.phase == "finished")
    assert turned(place)[before:] == ["set_mode mode plan"]


async def test_a_mode_that_the_agent_takes_by_itself_is_told(place: Place) -> None:
    async with place.running(choosy(place)) as run:
        await offered(run)
        await run.viewer.prompt("Go on [[plan]]")
        state = await run.until_phase("finished")
        assert values(state)["mode"] == "plan" and not any(b.type == "note" for b in state.blocks)
        await run.viewer.prompt("Go on [[yolo]]")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        assert values(state)["mode"] == "yolo"
        notes = [block.text for block in state.blocks if block.type == "note"]
        assert len(notes) == 1 and "Choosy is in its mode yolo now" in notes[0]
        await run.viewer.choose("model", "big-2")
        state = await run.until(lambda s: values(s)["model"] == "big-2")
        assert sum(block.type == "note" for block in state.blocks) == 1, "it is told once"


async def test_a_model_that_is_gone_is_told_and_forgotten(place: Place) -> None:
    async with place.running(choosy(place)) as run:
        await offered(run)
        await run.viewer.choose("model", "big-2")
        await run.viewer.prompt("Hello")
        await run.until_phase("finished")
    async with place.running(choosy(place, "poor")) as run:
        state = await run.until(lambda s: bool(s.knobs) and len(s.knobs[0].choices) == 1 and not s.chosen)
        assert any(b.type == "note" and "does not offer the model big-2 here" in b.text for b in state.blocks)
    assert [e.by for e in place.events() if isinstance(e, Chosen)] == ["user", "castoff"]
