"""The runner with agents that do not do as they are asked: it ends all the same, and they end before it."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from acp.client.connection import ClientSideConnection

from agent import agent_process
from agent import driver as driver_module
from agent.agent_process import AgentProcess, start_agent
from agent.events import PermissionAnswered, TurnEnded
from agent.launch import Launch, Listener
from agent.sessions import SessionDir
from tests.agent.running import Place, Running
from tests.doubles.openai_model import serving
from tests.waiting import until

AGENT = """
import json, os, pathlib, subprocess, sys, time

kind = sys.argv[1]
pathlib.Path("agent.pid").write_text(str(os.getpid()))

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

def ask(number):
    option = {"optionId": "yes", "name": "Yes", "kind": "allow_once"}
    params = {"sessionId": "s", "toolCall": {"toolCallId": "c", "title": "Ask"}, "options": [option]}
    send(id=number, method="session/request_permission", params=params)

for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
        case "session/new" if kind == "asks-at-start":
            ask(100)
        case "session/new":
            send(id=message["id"], result={"sessionId": "s"})
        case "session/set_mode":
            send(id=message["id"], result={})
            if kind == "deaf":
                time.sleep(300)
        case "session/prompt" if kind == "dies":
            subprocess.Popen(["sleep", "300"])
            sys.exit("a bad end")
        case "session/prompt":
            turn = message["id"]
            ask(100)
        case "session/cancel" if kind == "asks-again":
            ask(101)
        case None if message["id"] == 101:
            send(id=turn, result={"stopReason": "cancelled"})
"""


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path) -> Iterator[Place]:
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


def argv(kind: str) -> list[str]:
    return [sys.executable, "-I", "-c", AGENT, kind]


async def agent_has_ended(place: Place) -> None:
    pid = (place.tree / "agent.pid").read_text()
    await until(lambda: not Path(f"/proc/{pid}").exists())


async def test_a_question_asked_while_the_turn_is_cancelled_is_answered(place: Place) -> None:
    async with place.running(place.duty(argv("asks-again"))) as run:
        await run.viewer.prompt("Go")
        await run.until(lambda s: bool(s.questions))
        await run.viewer.drain(0)
        await run.until_ended()
    answers = [e.by for e in place.events() if isinstance(e, PermissionAnswered)]
    assert answers == ["cancel"]
    assert [e.detail for e in place.events() if isinstance(e, TurnEnded)] == [""]
    await agent_has_ended(place)


async def test_an_agent_that_dies_is_noticed_while_its_child_holds_its_output(place: Place) -> None:
    async with place.running(place.duty(argv("dies"))) as run:
        await run.viewer.prompt("Go")
        state = await run.until_phase("failed")
        assert "ended with status 1: a bad end" in state.detail


async def test_a_runner_ends_while_an_agent_asks_before_its_session_is_open(place: Place) -> None:
    async with place.running(place.duty(argv("asks-at-start"))) as run:
        await run.until(lambda s: bool(s.questions))
        run.runner.cancel()
        await ended(run)
    await agent_has_ended(place)


async def test_an_agent_that_does_not_read_is_drained(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_module, "_RESEND_SECONDS", 0.1)
    monkeypatch.setattr(driver_module, "_CANCEL_SECONDS", 0.3)
    monkeypatch.setattr(agent_process, "_END_SECONDS", 0.5)
    async with place.running(place.duty(argv("deaf"))) as run:
        # More than pipe and buffers hold.
        await run.viewer.prompt("Go " * 500_000)
        await run.until_phase("working")
        await run.viewer.drain(0)
        await run.until_ended()
    assert [e.stop_reason for e in place.events() if isinstance(e, TurnEnded)] == ["drained"]
    assert place.state().phase == "drained"
    await agent_has_ended(place)


@asynccontextmanager
async def started(place: Place) -> AsyncGenerator[AgentProcess]:
    """The agent that reads nothing once a mode is set; ended in the end."""

    async def refuse(*_: object) -> None:
        return None

    launch = Launch(argv("deaf"), dict(os.environ), place.tree, str(place.tree), place.tree)
    listener = Listener(happened=lambda _: None, asked=refuse)
    session = place.session
    agent = await start_agent(launch, listener, frames=session.frames, log=session.path / "agent.log")
    try:
        yield agent
    finally:
        await agent.close(ends_on_eof=False)


async def ended(run: Running) -> None:
    await asyncio.wait((run.runner,), timeout=30)
    assert run.runner.done()


async def test_a_cancel_that_meets_the_answer_is_not_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that went on after it was cancelled would keep its runner from ending."""
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set_session_mode(*_: object, **__: object) -> asyncio.Future[None]:
        return answer

    monkeypatch.setattr(ClientSideConnection, "set_session_mode", set_session_mode)
    async with started(place) as agent:
        call = asyncio.create_task(agent.turn("mode", "plan"))
        await asyncio.wait((call,), timeout=0.05)
        answer.set_result(None)
        call.cancel()
        await asyncio.wait((call,))
        assert call.cancelled()


async def test_an_agent_does_not_outlive_a_cancelled_end(place: Place) -> None:
    async with started(place) as agent:
        await agent.open(None, ())
        await agent.turn("mode", "plan")
        end = asyncio.create_task(agent.close())
        await asyncio.wait((end,), timeout=0.2)
        end.cancel()
        await asyncio.wait((end,))
        await agent_has_ended(place)
