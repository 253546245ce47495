"""The limit of a day stops a run on the real runner, and only raising it lets the run go on."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.daybook import Sheet, set_daily, today
from agent.durable import make_private, write_model
from agent.errors import CommandRefused
from agent.events import Budget, BudgetMarked
from agent.journal import read_events
from agent.lease import Tenure
from agent.messages import Extend, Prompt, Resume, SetBudget, Stop
from agent.recorder import Recorder
from agent.runner import Runner
from agent.sessions import create_session
from tests.agent.simulation import World, make_duty, until
from tests.agent.spender import Habits, Spending


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    world.spending = Spending(
        Habits("honest", "at once", True, True, (2.0, 3.0), (0.1, 0.1), Budget()), random.Random(1)
    )
    yield world
    world.loop.close()


def test_a_run_stops_at_what_all_have_spent_together(world: World, tmp_path: Path) -> None:
    world.loop.run_until_complete(_scene(world, tmp_path / "spending"))


async def _scene(world: World, folder: Path) -> None:
    set_daily(folder, 1.0)
    write_model(make_private(folder / today(time.time())) / "another.json", Sheet(usd=0.65))
    session = create_session(world.folder, world.folder, "builtin")
    recorder = Recorder(session.journal, 1)
    runner = Runner(replace(make_duty(session), spending=folder), recorder, Tenure(session.path, 1))
    running = asyncio.create_task(runner.run())
    await runner.handle(SetBudget(id="b", budget=Budget(max_usd=100)))
    await runner.handle(Prompt(id="p", text="Spend"))
    state = await until(recorder, lambda state: state.phase == "paused")
    assert state.detail == "All runs on this machine have spent $1.05 of the $1.00 that they may spend a day."
    assert len(world.spending.calls) == 4
    told = [event.share for event in read_events(session.journal) if isinstance(event, BudgetMarked)]
    assert told == [50, 80, 95]  # of the day's limit; of its own $100 nothing is to be told
    for command in (Resume(id="r"), Extend(id="e")):
        with pytest.raises(CommandRefused, match="may spend a day"):
            await runner.handle(command)
    set_daily(folder, 2.0)
    # Of the simulation's clock: a runner looks at the limit anew each second.
    await asyncio.sleep(1.0)
    await runner.handle(Resume(id="r"))
    await until(recorder, lambda state: state.phase == "working")
    await runner.handle(Stop(id="s"))
    await running
    assert list(read_events(session.journal))[-1].seq == recorder.state.head_seq
