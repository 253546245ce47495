"""Who is asked, when, and what follows from the answer."""

import asyncio

import pytest
from acp import RequestError
from acp.schema import ToolCallUpdate

from agent.builtin.calls import REJECTED
from tests.agent.builtin.conftest import Place
from tests.agent.builtin.harness import running_agent
from tests.agent.builtin.scripts import ask


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        (None, ["edit", "edit", "execute"]),
        ("ask", ["edit", "edit", "execute"]),
        ("accept-edits", ["execute"]),
        ("accept-all", []),
    ],
)
async def test_modes_ask_for_what_they_say(place: Place, mode: str | None, asked: list[str]) -> None:
    async with running_agent(place.root, place.environment) as agent:
        response = await agent.prompt(await agent.new(mode), ask("each"))
        kinds = [question.kind for question in agent.client.questions]
    assert response.stop_reason == "end_turn"
    assert kinds == asked
    assert (place.tree / "notes/new.txt").exists()
    assert (place.tree / "ran.txt").exists()


async def test_the_question_comes_before_the_deed_and_shows_it(place: Place) -> None:
    seen: list[str] = []

    def answer(call: ToolCallUpdate) -> str:
        seen.append((place.tree / "hello.py").read_text() if call.kind == "edit" else "")
        return "allow"

    async with running_agent(place.root, place.environment, answer) as agent:
        await agent.prompt(await agent.new("ask"), ask("each"))
        question = agent.client.questions[0]
        options = agent.client.options[0]
    assert seen[0] == 'print("hello")\n'
    assert question.title == "Edit hello.py"
    assert question.content is not None and question.content[0].type == "diff"
    assert [option.kind for option in options] == ["allow_once", "allow_always", "reject_once"]


@pytest.mark.parametrize("option", ["reject", "an option that was never offered"])
async def test_a_no_is_told_to_the_model_and_the_turn_goes_on(place: Place, option: str) -> None:
    def answer(call: ToolCallUpdate) -> str:
        return option if call.kind == "edit" else "allow"

    async with running_agent(place.root, place.environment, answer) as agent:
        response = await agent.prompt(await agent.new("ask"), ask("each"))
        _, updates = agent.client.call("Edit hello.py")
    results = [item["content"] for item in place.model.requests()[-1]["messages"] if item["role"] == "tool"]
    assert response.stop_reason == "end_turn"
    assert results[0] == results[1] == REJECTED
    assert [update.status for update in updates] == ["failed"]
    assert (place.tree / "hello.py").read_text() == 'print("hello")\n'
    assert not (place.tree / "notes").exists()
    assert (place.tree / "ran.txt").exists()


async def test_always_holds_for_the_tool_and_the_session_even_after_a_restart(place: Place) -> None:
    async with running_agent(place.root, place.environment, lambda _: "allow-always") as agent:
        session = await agent.new("ask")
        await agent.prompt(session, ask("twice"))
        assert [question.kind for question in agent.client.questions] == ["execute"]
    async with running_agent(place.root, place.environment) as agent:
        await agent.connection.resume_session(session_id=session, cwd=str(place.tree))
        await agent.prompt(session, ask("each"))
        assert [question.kind for question in agent.client.questions] == ["edit", "edit"]


async def test_a_cancelled_question_cancels_the_turn(place: Place) -> None:
    async with running_agent(place.root, place.environment, lambda _: None) as agent:
        response = await agent.prompt(await agent.new("ask"), ask("each"))
    assert response.stop_reason == "cancelled"
    assert (place.tree / "hello.py").read_text() == 'print("hello")\n'


async def test_a_mode_may_change_while_the_turn_waits(place: Place) -> None:
    asked = asyncio.Event()

    def answer(_: ToolCallUpdate) -> str:
        asked.set()
        return "allow"

    async with running_agent(place.root, place.environment, answer) as agent:
        session = await agent.new("ask")
        turn = asyncio.create_task(agent.prompt(session, ask("sleep")))
        await asked.wait()
        await agent.connection.set_session_mode(session_id=session, mode_id="accept-all")
        await agent.client.until(lambda: any(update.status == "in_progress" for update in agent.client.call("echo")[1]))
        await agent.connection.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"


async def test_an_unknown_mode_is_refused(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        with pytest.raises(RequestError, match="There is no mode “yolo”"):
            await agent.connection.set_session_mode(session_id=session, mode_id="yolo")
