"""Runs a real runner in the test's own process, with the real built-in agent and a scripted model."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.duty import Duty
from agent.errors import ViewerGone
from agent.events import AnyEvent
from agent.fold import advance
from agent.journal import read_events
from agent.launch import Launch
from agent.profiles import load_profile
from agent.programs import agent_command
from agent.runner import serve
from agent.sessions import SessionDir
from agent.state import SessionState
from agent.viewer import Viewer
from remote.local import attach_running
from tests.doubles.openai_model import ScriptedModel

DEADLINE = 40.0


@dataclass(frozen=True)
class Place:
    """A session in ``tree``, and what its agent's environment is."""

    session: SessionDir
    tree: Path
    model: ScriptedModel
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def events(self) -> list[AnyEvent]:
        return list(read_events(self.session.journal))

    def state(self) -> SessionState:
        return advance(SessionState(), self.events())

    def duty(self, argv: list[str] | None = None, linger: float | None = None) -> Duty:
        # What poses as the built-in agent need not replay what it loads.
        profile = load_profile("builtin").model_copy(update={"replays": argv is None})
        env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", **self.environment}
        launch = Launch(argv or agent_command(profile), env, self.tree, str(self.tree), self.tree)
        return Duty(self.session, profile, lambda: launch, linger=linger)

    @asynccontextmanager
    async def running(self, duty: Duty | None = None) -> AsyncGenerator["Running"]:
        """A runner and an attached viewer; the runner is stopped in the end if it has not ended."""
        runner = asyncio.create_task(serve(duty or self.duty()))
        running = Running(await self._attach(runner), runner)
        try:
            yield running
        finally:
            await running.viewer.close()
            runner.cancel()
            await asyncio.wait((runner,))

    async def _attach(self, runner: asyncio.Task[None]) -> Viewer:
        async with asyncio.timeout(DEADLINE):
            while (viewer := await attach_running(self.session)) is None:
                if runner.done():
                    await runner
                await asyncio.wait((runner,), timeout=0.02)
        return viewer


class Running:
    """A runner as its viewer sees it."""

    def __init__(self, viewer: Viewer, runner: asyncio.Task[None]) -> None:
        self.viewer = viewer
        self.runner = runner
        self.state = SessionState()
        self.events: list[AnyEvent] = []
        self._batches = viewer.batches()

    async def until(self, condition: Callable[[SessionState], bool], seconds: float = DEADLINE) -> SessionState:
        """The first state after a batch of events in which ``condition`` holds."""
        async with asyncio.timeout(seconds):
            while not condition(self.state):
                self._take(await anext(self._batches))
        return self.state

    async def until_phase(self, *phases: str) -> SessionState:
        return await self.until(lambda state: state.phase in phases)

    async def until_ended(self) -> None:
        """Read on until the runner hangs up, and wait until it has ended."""
        async with asyncio.timeout(DEADLINE):
            try:
                async for batch in self.viewer.batches():
                    self._take(batch)
            except ViewerGone:
                await self.runner

    def _take(self, batch: tuple[AnyEvent, ...]) -> None:
        self.events += batch
        self.state = advance(self.state, batch)


def seqs_are_whole(place: Place) -> bool:
    """Whether the journal's seqs have no gap and no repeat; reading it would raise as well."""
    return [event.seq for event in place.events()] == list(range(1, len(place.events()) + 1))


def with_profile(duty: Duty, **changes: object) -> Duty:
    """``duty`` with other words in its profile."""
    return replace(duty, profile=duty.profile.model_copy(update=changes))
