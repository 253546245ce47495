"""Work in a thread that nobody has to wait for: unlike the event loop's own threads it never holds up the end."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work`` in a daemon thread; raises what it raises."""
    outcome: concurrent.futures.Future[Result] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised again where it is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="notification", daemon=True).start()
    return await asyncio.wrap_future(outcome)
