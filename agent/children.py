"""Programs that we start: one way each to start them, to hear them out and to see them off, which survive a cancel."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Awaitable, Sequence
from typing import Any

_LIMIT = 64 << 10


class _Streams(SubprocessStreamProtocol):
    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Child(Process):
    """A program that was started. ``exited`` is set when it ends itself: `wait` also waits for its pipes to close,
    which a child of its own may hold open."""

    def __init__(self, transport: asyncio.SubprocessTransport, streams: _Streams, *, leader: bool) -> None:
        super().__init__(transport, streams, asyncio.get_running_loop())
        self.exited = streams.exited
        self._pipes = transport
        self._leader = leader

    async def end(self) -> None:
        """Kill it, and its process group if it leads one; returns when it is gone, whoever holds its pipes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL) if self._leader else self.kill()
        self._pipes.close()
        await self.wait()


async def start(argv: Sequence[str], *, limit: int = _LIMIT, start_new_session: bool = False, **options: Any) -> Child:
    """Start a program; takes what `asyncio.create_subprocess_exec` takes. Raises `OSError`.

    asyncio may wait for ever for a program whose start was cancelled before its pipes were connected
    (https://github.com/python/cpython/issues/133536): so a start that has begun comes to its end, some milliseconds
    later, and the program is killed then.
    """
    starting = asyncio.create_task(_start(argv, limit, options | {"start_new_session": start_new_session}))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        ending = asyncio.create_task(_end(starting))
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((ending,))
        raise


async def _start(argv: Sequence[str], limit: int, options: dict[str, Any]) -> Child:
    loop = asyncio.get_running_loop()
    # Unlike asyncio's own function, this one makes pipes of what is not said.
    wanted: Any = {"stdin": None, "stdout": None, "stderr": None} | options
    transport, streams = await loop.subprocess_exec(lambda: _Streams(limit), *argv, **wanted)
    return Child(transport, streams, leader=options["start_new_session"])


async def _end(starting: asyncio.Task[Child]) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        await (await starting).end()


async def hear_out(child: Child, data: bytes | None = None) -> tuple[bytes, bytes]:
    """Give a program ``data`` and take its output and complaints until it ends; it is killed if that is cancelled."""
    try:
        return await child.communicate(data)
    finally:
        if child.returncode is None:
            await child.end()


async def ends_within(seconds: float, ending: Awaitable[object]) -> bool:
    """Whether ``ending`` comes to its end in that time, else it is cancelled; raises what it raises.

    Unlike `asyncio.timeout` it also holds in the cleanup of a task that was cancelled, before Python 3.11.3
    (https://github.com/python/cpython/issues/102780).
    """
    task = asyncio.ensure_future(ending)
    try:
        done, _ = await asyncio.wait((task,), timeout=seconds)
    finally:
        task.cancel()
    if done:
        await task
    return bool(done)
