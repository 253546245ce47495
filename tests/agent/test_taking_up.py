"""An agent that says that it took its session up, and did not, is caught; and what is done then."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.events import AgentStarted, Briefed
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from agent.taking_up import choose_way
from tests.agent.running import Place, Running, with_profile
from tests.doubles import forgetful_agent
from tests.doubles.openai_model import ScriptedModel

AGENT = Path(forgetful_agent.__file__)


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path) -> Place:
    return Place(own_session, tmp_path / "tree", ScriptedModel({}, tmp_path / "requests.jsonl"))


def asked(place: Place) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.tree / "asked.jsonl").read_text().splitlines()]


def forgetful(place: Place, kind: str, agent: str = "forgetful", **changes: Any):
    duty = place.duty([sys.executable, "-I", str(AGENT), kind])
    known: dict[str, Any] = {
        "name": agent,
        "resume": ("resume", "load"),
        "modes": {},
        "usage": "session",
        "settle": 1.5,
        "replays": True,
    }
    return with_profile(duty, **known | changes)


async def begin(place: Place, text: str = "Make it.") -> None:
    """A session whose agent has done a turn and ended."""
    async with place.running(forgetful(place, "refusing")) as run:
        await run.viewer.prompt(text)
        await run.until_phase("finished")


async def go_on(run: Running) -> SessionState:
    return await run.until(lambda s: s.head_seq > 0 and s.phase in ("finished", "idle", "paused", "failed"))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("refusing", "Resource not found"),
        ("unable", "cannot take up an earlier session"),
        ("feigning", "shows nothing of it"),
        ("unlisted", "does not have it among its sessions"),
        ("other", "tells of another one"),
    ],
)
async def test_what_is_not_taken_up_pauses_until_the_user_agrees_to_a_brief(place: Place, kind: str, why: str) -> None:
    await begin(place)
    before = place.state().agent_session_id
    async with place.running(forgetful(place, kind)) as run:
        state = await run.until(lambda s: s.phase == "paused")
        assert why in state.detail and "--brief" in state.detail
        assert state.agent_session_id == before and not state.lossy
        await run.viewer.resume(brief=True)
        await run.viewer.prompt("And more.")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
    assert state.lossy and state.agent_session_id != before
    assert state.brief == "", "it was told"
    first = asked(place)[-1]
    assert first["sid"] == state.agent_session_id
    assert "> Make it." in first["text"] and first["text"].endswith("And more.")
    dividers = [block for block in state.blocks if block.type == "agent"]
    assert [block.lossy for block in dividers] == [False, True]
    assert any(block.type == "note" and why in block.text for block in state.blocks)
    assert (state.usage.input_tokens, state.usage.output_tokens) == (20, 2), "the new session counts from nothing"


@pytest.mark.parametrize("kind", ["late", "listed"])
async def test_what_shows_late_that_it_has_the_session_is_believed(place: Place, kind: str) -> None:
    await begin(place)
    async with place.running(forgetful(place, kind)) as run:
        await run.viewer.prompt("And more.")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
    assert not state.lossy
    assert asked(place)[-1]["text"] == "And more."


async def test_an_agent_that_is_known_to_show_nothing_is_believed(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "feigning", replays=False)) as run:
        await run.viewer.prompt("And more.")
        assert not (await run.until(lambda s: s.turns == 2 and s.phase == "finished")).lossy


async def test_what_a_given_up_session_says_later_is_not_recorded(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "wordy")) as run:
        await run.until(lambda s: s.phase == "paused")
        await run.viewer.resume(brief=True)
        await run.viewer.prompt("And more.")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
    assert b"not yours" in place.session.frames.read_bytes(), "it was said"
    assert "not yours" not in str(state.blocks)


async def test_a_brief_is_told_once(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "refusing", agent="second")) as run:
        await run.viewer.prompt("And more.")
        await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        await run.viewer.prompt("And more still.")
        await run.until(lambda s: s.turns == 3 and s.phase == "finished")
    assert asked(place)[-1]["text"] == "And more still."


async def test_a_missing_login_is_no_reason_for_a_brief(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "login")) as run:
        state = await run.until(lambda s: s.phase in ("failed", "paused"))
    assert state.phase == "failed"
    assert "--brief" not in state.detail


async def test_another_agent_goes_on_from_a_brief(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "refusing", agent="second")) as run:
        await run.until(lambda s: s.agent == "second")
    # Nothing was said to it before it ended: it is begun anew, and told again.
    async with place.running(forgetful(place, "refusing", agent="second")) as run:
        await run.viewer.prompt("And more.")
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
    assert state.lossy
    assert [event.lossy for event in run.events if isinstance(event, AgentStarted)] == [False, True, True]
    assert "second goes on with what forgetful began" in str(state.blocks)
    assert asked(place)[-1]["text"].count("Note from castoff: you take this session over") == 1


async def test_a_brief_comes_before_what_begins_with_it(place: Place) -> None:
    """Cut after the brief and before the agent's own record, the session is begun anew."""
    await begin(place)
    async with place.running(forgetful(place, "refusing", agent="second")) as run:
        await run.until(lambda s: s.agent == "second")
    kinds = [type(event) for event in place.events()]
    assert kinds.index(Briefed) < len(kinds) - 1 - kinds[::-1].index(AgentStarted)


async def test_a_brief_that_the_agent_may_never_have_got_is_told_again(place: Place) -> None:
    await begin(place)
    async with place.running(forgetful(place, "refusing", agent="second")) as run:
        await run.viewer.prompt("Now [[fail]]")
        await run.until(lambda s: s.phase == "failed")
        await run.viewer.prompt("And more.")
        await run.until(lambda s: s.turns == 3 and s.phase == "finished")
    assert [("take this session over" in each["text"]) for each in asked(place)] == [False, True, True]


@pytest.mark.parametrize(
    ("state", "way"),
    [
        (SessionState(), "new"),
        (SessionState(agent="a", agent_session_id="s"), "new"),
        (SessionState(agent="a", agent_session_id="s", turns=1), "native"),
        (SessionState(agent="b", agent_session_id="s", turns=1), "brief"),
        (SessionState(agent="a", agent_session_id="s", turns=1, brief="So far."), "brief"),
    ],
)
def test_which_way_it_goes(state: SessionState, way: str) -> None:
    assert choose_way(state, "a") == way


def test_a_session_changes_its_agent(isolated: Path, tmp_path: Path) -> None:
    from agent.sessions import change_agent, open_session

    session = create_session(isolated, tmp_path, "builtin")
    assert change_agent(session, "codex").info == open_session(session.path).info
    assert open_session(session.path).info == session.info.model_copy(update={"agent": "codex"})
