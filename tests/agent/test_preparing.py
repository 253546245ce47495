"""What is done before the first turn: the agent waits for it and is told of it; moving and interrupting end it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runner as runner_module
from agent.arrival import Arrival, arrival_path
from agent.blocks import PromptBlock, SetupBlock
from agent.demo_model.reply import Reply
from agent.durable import make_private, write_model
from agent.events import SetupEnded, SetupPrinted, SetupStarted
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.state import SessionState
from tests.agent.running import Place, seqs_are_whole
from tests.doubles.openai_model import model_environment, serving

SAY = "Go on. [[script: greet]]"


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    arrival = Arrival(origin="here", to="vm", files=1, size=1, seconds=1, say=SAY)
    make_private(arrival_path(own_session, 1).parent)
    write_model(arrival_path(own_session, 1), arrival)
    with serving({"greet": [Reply("Hello.")]}, tmp_path / "requests.jsonl") as (model, port):
        yield Place(own_session, tmp_path / "tree", model, model_environment(port))


class Preparation:
    """A command that prints, waits to be let go, and ends with ``status``."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.go_on = asyncio.Event()
        self.times = 0

    async def __call__(self, recorder: Recorder) -> None:
        self.times += 1
        recorder.record(SetupStarted(command="make deps", number=1, total=1))
        recorder.record(SetupPrinted(text="one\n"))
        recorder.record(SetupPrinted(text="two\n"))
        ended = SetupEnded(status=None, stopped=True)
        try:
            await self.go_on.wait()
            ended = SetupEnded(status=self.status)
        finally:
            recorder.record(ended)


def setups(state: SessionState) -> list[SetupBlock]:
    return [block for block in state.blocks if isinstance(block, SetupBlock)]


def prompts(state: SessionState) -> list[str]:
    return [block.text for block in state.blocks if isinstance(block, PromptBlock)]


async def test_the_first_turn_waits_and_the_agent_is_told(place: Place) -> None:
    prepare = Preparation(status=3)
    async with place.running(replace(place.duty(), prepare=prepare)) as running:
        state = await running.until(lambda s: bool(setups(s)) and setups(s)[0].output == "one\ntwo\n")
        assert state.turns == 0 and len(state.queue) == 1 and setups(state)[0].ended_at is None
        await running.viewer.prompt("And then? [[script: greet]]")
        prepare.go_on.set()
        state = await running.until(lambda s: s.phase == "finished" and s.turns == 2)
    (block,) = setups(state)
    assert block.status == 3 and block.ended_at is not None
    first, second = prompts(state)
    assert first.startswith("The project's setup command failed with status 3: make deps\n")
    assert "two" in first and first.endswith(SAY) and "another machine" in first
    assert second == "And then? [[script: greet]]"
    asked = str(next(request for request in place.model.requests() if request.get("tools"))["messages"][-1])
    assert "failed with status 3" in asked
    assert seqs_are_whole(place)


async def test_a_drain_ends_it_and_nothing_of_it_is_recorded_after(place: Place) -> None:
    prepare = Preparation()
    async with place.running(replace(place.duty(), prepare=prepare)) as running:
        await running.until(lambda s: bool(setups(s)))
        await running.viewer.drain(5)
        await running.until_ended()
    state = place.state()
    assert state.phase == "drained" and setups(state)[0].status is None and setups(state)[0].ended_at is not None
    assert state.turns == 0 and len(state.queue) == 1


async def test_an_interrupt_ends_it_and_the_agent_goes_on(place: Place) -> None:
    prepare = Preparation()
    async with place.running(replace(place.duty(), prepare=prepare)) as running:
        await running.until(lambda s: bool(setups(s)))
        await running.viewer.interrupt()
        state = await running.until_phase("finished")
    assert prompts(state)[0].startswith("The project's setup command was stopped: make deps")


async def test_an_agent_that_does_not_start_is_not_prepared_for(place: Place) -> None:
    prepare = Preparation()
    async with place.running(replace(place.duty(["false"]), prepare=prepare)) as running:
        await running.until_phase("failed")
    assert prepare.times == 0


async def test_a_runner_killed_meanwhile_leaves_the_prompt_in_its_place(place: Place) -> None:
    async with place.running(replace(place.duty(), prepare=Preparation())) as running:
        await running.until(lambda s: bool(setups(s)))
    prepare = Preparation()
    prepare.go_on.set()
    async with place.running(replace(place.duty(), prepare=prepare)) as running:
        state = await running.until_phase("finished")
    assert len(prompts(state)) == 1 and prompts(state)[0].endswith(SAY)
    assert [block.status for block in setups(state)] == [None, 0]
