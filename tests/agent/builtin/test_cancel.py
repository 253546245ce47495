"""Cancelling: the turn ends at once, nothing of it runs on, and the next prompt works."""

import asyncio
from pathlib import Path

import pytest
from acp import RequestError

from agent.builtin.calls import CANCELLED, CANCELLED_BEFORE
from tests.agent.builtin.conftest import Place
from tests.agent.builtin.harness import RunningAgent, alive, running_agent
from tests.agent.builtin.scripts import ask
from tests.waiting import until


async def test_while_the_model_speaks(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        turn = asyncio.create_task(agent.prompt(session, ask("long")))
        await agent.client.until(lambda: len(agent.client.of("agent_message_chunk")) > 5)
        await agent.connection.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        heard = agent.client.text()
        again = await agent.prompt(session, ask("recap"))
    assert again.stop_reason == "end_turn"
    said = [item for item in place.model.requests()[-1]["messages"] if item["role"] == "assistant"]
    assert said[0]["content"].startswith("word word") and len(said[0]["content"]) <= len(heard) + 100


async def test_while_a_command_runs(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        turn = asyncio.create_task(agent.prompt(session, ask("sleep")))
        shell = await started_command(agent, place)
        await agent.connection.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        assert not alive(shell)
        _, updates = agent.client.call("echo")
        assert updates[-1].status == "failed"
        await agent.prompt(session, ask("recap"))
    results = [item["content"] for item in place.model.requests()[-1]["messages"] if item["role"] == "tool"]
    assert results[1:] == [CANCELLED, CANCELLED_BEFORE]


async def test_when_nothing_runs_nothing_happens(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        await agent.connection.cancel(session_id=session)
        assert (await agent.prompt(session, ask("each"))).stop_reason == "end_turn"


async def test_a_second_prompt_has_to_wait(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        turn = asyncio.create_task(agent.prompt(session, ask("long")))
        await agent.client.until(lambda: bool(agent.client.text()))
        with pytest.raises(RequestError, match="already running"):
            await agent.prompt(session, "and this")
        await agent.connection.cancel(session_id=session)
        assert (await turn).stop_reason == "cancelled"


async def test_closing_a_session_stops_its_turn(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        turn = asyncio.create_task(agent.prompt(session, ask("sleep")))
        shell = await started_command(agent, place)
        await agent.connection.close_session(session_id=session)
        assert (await turn).stop_reason == "cancelled"
        assert not alive(shell)
        with pytest.raises(RequestError, match="not open"):
            await agent.prompt(session, "again")


async def test_a_client_that_hangs_up_leaves_no_command_behind(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        turn = asyncio.create_task(agent.prompt(await agent.new(), ask("sleep")))
        shell = await started_command(agent, place)
        agent.process.terminate()
        with pytest.raises(ConnectionError):
            await turn
    await until(lambda: not alive(shell))


async def started_command(agent: RunningAgent, place: Place) -> int:
    """Wait for the sleeping command and return its process id."""
    pid_file = Path(place.tree, "pid")
    await until(lambda: pid_file.exists() and bool(pid_file.read_text().strip()))
    await agent.client.until(lambda: any(update.content for update in agent.client.call("echo")[1]))
    return int(pid_file.read_text())
