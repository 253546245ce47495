"""The lock that makes a session's runner the only one on its machine; a crash of the holder frees it."""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncGenerator, Generator

from agent.errors import RunnerBusy
from agent.sessions import SessionDir

_PATIENCE_SECONDS = 0.3


@contextlib.asynccontextmanager
async def hold(session: SessionDir) -> AsyncGenerator[None]:
    """Hold the session's lock, or raise `RunnerBusy`. Tried again for a moment: `is_served` takes it while it looks."""
    with _open(session) as descriptor:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _try(descriptor):
            if time.monotonic() > deadline:
                raise RunnerBusy("Another runner serves this session already.")
            await asyncio.sleep(0.01)
        yield


def is_served(session: SessionDir) -> bool:
    """Whether a runner of this machine holds the session's lock."""
    with _open(session) as descriptor:
        return not _try(descriptor)


@contextlib.contextmanager
def _open(session: SessionDir) -> Generator[int]:
    descriptor = os.open(session.path / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
