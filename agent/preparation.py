"""What is done once the agent is there and before its first turn, as a project's set-up on a host."""

import asyncio
from collections.abc import Awaitable, Callable

from agent.arrival import arrival_prompt_id
from agent.recorder import Recorder
from agent.setup import describe_outcomes, read_outcomes

Prepare = Callable[[Recorder], Awaitable[None]]
"""Does it, and records what it does."""


class Preparation:
    """Runs ``prepare``, if there is any, until it is done or ended."""

    def __init__(self, prepare: Prepare | None, recorder: Recorder) -> None:
        self._prepare = prepare
        self._recorder = recorder
        self._running: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Run it; returns when it is over, however that came. `conclude` says what came of it."""
        if self._prepare is None:
            return
        self._running = asyncio.ensure_future(self._prepare(self._recorder))
        try:
            await asyncio.wait((self._running,))
        finally:
            await self.end()

    async def end(self) -> None:
        """Cancel it if it runs, and wait until it is over."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    def conclude(self) -> None:
        """Tell the agent of it with the prompt of its arrival. Raises what it raised, if it was not ended."""
        if self._running is None:
            return
        if not self._running.cancelled():
            self._running.result()
        state = self._recorder.state
        words = describe_outcomes(read_outcomes(state))
        first = next((p for p in state.queue if p.prompt_id == arrival_prompt_id(state.arrived)), None)
        if words and first is not None and not first.text.startswith(words):
            self._recorder.record(first.model_copy(update={"text": f"{words}\n\n{first.text}"}))
