"""Turns a call that reports progress by callback into steps that a generator can yield on the way."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from remote.steps import Timing

Step = TypeVar("Step")
Result = TypeVar("Result")


@contextlib.asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, object]) -> AsyncGenerator[None]:
    """Do ``work`` while the block runs and wait for it at the block's end, which raises what it raised.

    A block that fails, or is cancelled, ends the work too, and what that raises then is nobody's concern any more.
    """
    task = asyncio.create_task(work)
    try:
        yield
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()


class Relay(Generic[Step, Result]):
    """Runs one call in a task of its own; `report` what it does, read `result` after `steps` has ended."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Step | None] = asyncio.Queue()
        self._task: asyncio.Task[Result] | None = None

    def report(self, step: Step) -> None:
        """Called by the work, in the event loop's thread."""
        self._queue.put_nowait(step)

    async def steps(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> AsyncGenerator[Step]:
        """Start the work and yield what it reports until it is over; an early end cancels it."""
        task = self._task = asyncio.create_task(work())
        task.add_done_callback(lambda _: self._queue.put_nowait(None))
        try:
            while (step := await self._queue.get()) is not None:
                yield step
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
                if not task.cancelled():
                    task.exception()  # nobody asks any more how it ended

    def raise_failure(self) -> None:
        """Raise what the work raised, if it did."""
        _ = self.result

    @property
    def result(self) -> Result:
        """What the work returned; raises what it raised."""
        assert self._task is not None
        return self._task.result()


class Stopwatch:
    """Where the time of a move goes, step by step, in seconds."""

    def __init__(self) -> None:
        self._began = self._lap = time.monotonic()
        self._timings: list[Timing] = []

    def lap(self, step: str) -> None:
        """What has passed since the last lap belongs to ``step``."""
        now = time.monotonic()
        self._timings.append(Timing(step=step, seconds=round(now - self._lap, 4)))
        self._lap = now

    def skip(self) -> None:
        """What has passed since the last lap was the user's, and belongs to no step."""
        now = time.monotonic()
        self._began += now - self._lap
        self._lap = now

    @property
    def seconds(self) -> float:
        """All that has passed, the user's own time left out."""
        return round(time.monotonic() - self._began, 3)

    @property
    def timings(self) -> tuple[Timing, ...]:
        """The laps so far."""
        return tuple(self._timings)
