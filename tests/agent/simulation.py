"""Runs of agents that spend, on the real runner, driver and ACP connection; the agent's process and time are simulated.

A model call counts as beyond the limit when it came to its end after the limit was reached, by what the agent told.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from agent.duty import Duty
from agent.fold import advance
from agent.journal import read_events
from agent.launch import Launch, Started
from agent.lease import Tenure
from agent.messages import Extend, Prompt, SetBudget, Stop
from agent.profiles import load_profile
from agent.recorder import Recorder
from agent.runner import Runner
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from tests.agent.simulated_time import SimulatedLoop
from tests.agent.spender import KINDS, Habits, Spender, Spending, draw_habits


class Outcome(NamedTuple):
    """``over``: model calls beyond the limit; ``seconds`` from the limit until the run was paused and spent no more;
    ``resumed``: whether the same session went on, with its history whole."""

    habits: Habits
    over: int
    seconds: float
    resumed: bool


class World:
    """Where the simulated processes live."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.loop = SimulatedLoop()
        self._processes: dict[int, Spender] = {}
        self._pids = itertools.count(1 << 23)  # beyond any that Linux gives
        self.spending: Spending
        clock = SimpleNamespace(clock_gettime=lambda _: self.loop.now, CLOCK_MONOTONIC=1)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        patch.setattr("agent.clocks.time", clock)
        patch.setattr("agent.driver.start_program", self._start)
        patch.setattr("agent.agent_process.os.killpg", self._kill)

    async def _start(self, launch: Launch, log: Path) -> Any:
        spender = Spender(next(self._pids), self.spending)
        self._processes[spender.pid] = spender
        log.touch()
        return Started(spender, SimpleNamespace(file=log, start=0, settle=lambda _: None))  # type: ignore[arg-type]  # it has what is needed of them

    def _kill(self, pid: int, sign: int) -> None:
        self._processes[pid].signal(sign)

    @property
    def spends(self) -> bool:
        """Whether any process works."""
        return any(p.working is not None and not p.working.done() for p in self._processes.values())

    def run(self, seed: int) -> Outcome:
        """One run, with all that is drawn for it drawn from ``seed``."""
        draw = random.Random(seed)
        self.spending = Spending(draw_habits(KINDS[seed % len(KINDS)], draw), draw)
        self._processes.clear()
        return self.loop.run_until_complete(_simulate(self))


async def _simulate(world: World) -> Outcome:
    session, spending = create_session(world.folder, world.folder, "builtin"), world.spending
    recorder = Recorder(session.journal, 1)
    runner = Runner(make_duty(session), recorder, Tenure(session.path, 1))
    running = asyncio.create_task(runner.run())
    try:
        await runner.handle(SetBudget(id="b", budget=spending.habits.budget))
        spending.began = world.loop.now
        await runner.handle(Prompt(id="p", text="Spend"))
        state = await until(recorder, lambda state: state.phase == "paused")
        assert "is used up" in state.detail and not world.spends
        seconds, calls = world.loop.now - _reached(spending), list(spending.calls)
        await runner.handle(Extend(id="e"))
        state = await until(recorder, lambda state: state.phase == "working")
        resumed = state.turn is not None and state.agent_session_id == "s" and spending.loaded in ([], ["s"])
        await runner.handle(Stop(id="s"))
    finally:
        await asyncio.wait((running,))
    await running
    again = advance(SessionState(), read_events(session.journal))
    over = sum(ended > _reached(spending) for ended in calls)
    return Outcome(spending.habits, over, seconds, resumed and again.phase == "stopped" and not world.spends)


def _reached(spending: Spending) -> float:
    """When the limit was reached."""
    minutes = spending.habits.budget.max_minutes
    ends = spending.began + minutes * 60 if minutes is not None else float("inf")
    return min(ends, spending.reached if spending.reached is not None else float("inf"))


def make_duty(session: SessionDir) -> Duty:
    """What a runner of a simulated agent is started for."""
    profile = load_profile("builtin").model_copy(
        update={"usage": "session", "resume": ("load",), "replays": False, "modes": {}}
    )
    tree = session.path.parent
    return Duty(session, profile, lambda: Launch(("spender",), {}, tree, str(tree), tree))


async def until(recorder: Recorder, condition: Callable[[SessionState], bool]) -> SessionState:
    """The first state in which ``condition`` holds."""
    while not condition(recorder.state):
        assert await recorder.wait_news(recorder.state.head_seq)
    return recorder.state
