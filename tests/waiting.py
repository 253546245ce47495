"""Waiting for what only looking can tell: another process, the disk, a screen.

A condition holds when it returns something true, which is returned; when it does not within ``seconds``, the test fails
with ``why``.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

_PAUSE = 0.02


async def until(condition: Callable[[], Found], seconds: float = 60.0, why: str = "it did not come about") -> Found:
    """Wait until ``condition`` holds; the event loop goes on meanwhile."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, why
        await asyncio.sleep(_PAUSE)
    return found


def wait_until(condition: Callable[[], Found], seconds: float = 60.0, why: str = "it did not come about") -> Found:
    """Wait until ``condition`` holds, and do nothing else."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, why
        time.sleep(_PAUSE)
    return found
