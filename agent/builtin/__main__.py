"""``python -I -m agent.builtin``: the built-in agent on standard input and output."""

import asyncio
import contextlib
import signal
from typing import cast

from acp import Agent, run_agent

from agent.builtin.agent import BuiltinAgent


async def serve() -> None:
    """Serve until the client hangs up or asks us to end; nothing that a tool started outlives us."""
    agent = BuiltinAgent()
    # The cast: a method that we lack is answered "method not found", but the SDK's protocol class lists all.
    # Resume and close count as unstable in this SDK.
    serving = asyncio.create_task(run_agent(cast("Agent", agent), use_unstable_protocol=True))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):  # by a signal: an end like any other
            await serving
    finally:
        await agent.close()


if __name__ == "__main__":
    asyncio.run(serve())
