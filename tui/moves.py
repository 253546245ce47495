"""Driving a handoff or a pull-back: the steps so far, the decision, and how to cancel. It belongs to the app."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, NamedTuple, TypeVar

from agent.errors import AgentError
from remote.errors import RemoteError
from remote.steps import Away, HandoffStep, Home, LinkBack, LinkLost, PullStep, StillHere, awaits_decision
from remote.terms import Decision
from snapshot.errors import SnapshotError
from tui.backend import Place

Step = HandoffStep | PullStep
S = TypeVar("S", bound=Step)
K = TypeVar("K", bound=Step)


class Timed(NamedTuple):
    """A step and when it came, by `time.monotonic`."""

    step: Step
    at: float


class Move(Generic[S]):
    """One handoff or pull-back. `drive` it in a worker; ``listener`` is told after every step."""

    def __init__(self, start: Callable[[], AsyncGenerator[S, Decision | None]], listener: Callable[[], None]) -> None:
        self.steps: list[Timed] = []
        self.listener = listener
        self.decided: Decision | None = None
        self.lost: Timed | None = None
        """The news that the link is lost, until it is back; it is none of the steps."""
        self.begun = time.monotonic()
        self._start = start
        self._decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    @property
    def last(self) -> Step | None:
        """The latest step."""
        return self.steps[-1].step if self.steps else None

    @property
    def waits(self) -> bool:
        """Whether a decision is due."""
        return awaits_decision(self.last) and not self._decision.done()

    @property
    def agreed(self) -> bool:
        """Whether it was told to go, and not told no since."""
        return self.decided is not None and self.decided != "cancel"

    @property
    def end(self) -> Away | Home | StillHere | None:
        """How it ended; ``None`` while it has not."""
        return self.last if isinstance(self.last, Away | Home | StillHere) else None

    def find(self, kind: type[K]) -> K | None:
        """The latest step of a kind."""
        return next((t.step for t in reversed(self.steps) if isinstance(t.step, kind)), None)

    def decide(self, decision: Decision) -> None:
        """Answer the step that waits; only the first answer to each counts."""
        if not self._decision.done():
            self.decided = decision
            self._decision.set_result(decision)

    def cancel(self) -> None:
        """Roll back: by the decision where one is due, else by cancelling the task that drives the steps."""
        if self.waits:
            self.decide("cancel")
            return
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def drive(self) -> None:
        """Run the steps to their end; every failure ends in a `StillHere`, and an unforeseen one is raised as well."""
        self._task = asyncio.current_task()
        if self._cancelled:
            self._record(_CANCELLED)
            return
        try:
            async with aclosing(self._start()) as steps:
                await self._run(steps)
        except asyncio.CancelledError:
            # Only the user's own cancel ends here: an app that is left goes on ending.
            if not self._cancelled:
                raise
            self._record(_CANCELLED)
        except (AgentError, RemoteError, SnapshotError) as error:
            self._record(StillHere(code=error.code, reason=str(error), way_out=error.way_out))
        except Exception as error:
            # Whatever it was, the screen must not wait for an end that never comes.
            self._record(
                StillHere(code="internal", reason=f"Something in castoff itself failed: {error}", way_out=_ASK)
            )
            raise

    async def _run(self, steps: AsyncGenerator[S, Decision | None]) -> None:
        decision: Decision | None = None
        while True:
            try:
                step = await steps.asend(decision)
            except StopAsyncIteration:
                return
            if not awaits_decision(step):
                self._record(step)
                decision = None
                continue
            if self._decision.done():
                self._decision = asyncio.get_running_loop().create_future()
            self._record(step)
            decision = await self._decision

    def _record(self, step: Step) -> None:
        timed = Timed(step, time.monotonic())
        self.lost = timed if isinstance(step, LinkLost) else None
        if not isinstance(step, LinkLost | LinkBack):
            self.steps.append(timed)
        # Not called from here: whatever a screen does with the news must not reach into the move.
        asyncio.get_running_loop().call_soon(self.listener)


def landed(place: Place, end: Away | Home) -> Place:
    """Where the session of ``place`` is met once its move has ended."""
    host, session_id = (end.host, end.run_id) if isinstance(end, Away) else ("", place.session_id)
    return place.model_copy(update={"host": host, "session_id": session_id})


_ASK = "Try it again: that settles where the session is."
_CANCELLED = StillHere(code="cancelled", reason="You cancelled.", way_out="Start it again whenever you like.")
