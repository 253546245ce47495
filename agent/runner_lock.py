"""The locks of a session on one machine; a crash of the holder frees them.

The runner's makes it the only one. Whoever moves the session holds it too, from the drain until the lease says who
runs it, so that nobody starts an agent in between. The move's own makes that move the only one.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from agent.errors import RunnerBusy
from agent.sessions import SessionDir

BEING_MOVED = "Another castoff is moving this session."
_PATIENCE_SECONDS = 0.3


@contextlib.asynccontextmanager
async def hold(session: SessionDir) -> AsyncGenerator[None]:
    """Hold the runner's lock, or raise `RunnerBusy`. Tried again for a moment: `is_served` takes it while it looks."""
    with _open(session.path, "runner.lock") as descriptor:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _try(descriptor):
            if time.monotonic() > deadline:
                raise RunnerBusy("Another runner serves this session already.")
            await asyncio.sleep(0.01)
        yield


def is_served(session: SessionDir) -> bool:
    """Whether the runner's lock is held on this machine."""
    with _open(session.path, "runner.lock") as descriptor:
        return not _try(descriptor)


def is_moving(session: SessionDir) -> bool:
    """Whether the move's lock is held on this machine."""
    with _open(session.path, "move.lock") as descriptor:
        return not _try(descriptor)


@contextlib.contextmanager
def hold_move(session: SessionDir) -> Generator[None]:
    """Hold the move's lock, or raise `RunnerBusy`: another castoff moves this session now."""
    with _open(session.path, "move.lock") as descriptor:
        if not _try(descriptor):
            raise RunnerBusy(BEING_MOVED, "Wait for it, or end it there.", code="being-moved")
        yield


@contextlib.asynccontextmanager
async def await_move(path: Path, seconds: float) -> AsyncGenerator[None]:
    """Hold the move's lock of the session at ``path``, tried for so long; raises `RunnerBusy` after that."""
    with _open(path, "move.lock") as descriptor:
        deadline = time.monotonic() + seconds
        while not _try(descriptor):
            if time.monotonic() > deadline:
                raise RunnerBusy("Somebody else is moving this session.", "Wait for it.", code="being-moved")
            await asyncio.sleep(0.1)
        yield


@contextlib.contextmanager
def _open(path: Path, name: str) -> Generator[int]:
    descriptor = os.open(path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
