"""A program in a process group of its own, with its output as it comes and a limit in time."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agent import children

_GRACE = 2.0
_LINGER = 0.5
"""Seconds between the polite and the hard signal, and for output after a program's end."""

Take = Callable[[bytes], Awaitable[None]]


class Exit(NamedTuple):
    """How a program ended: exit ``status`` (negative: the signal that killed it), and whether its time was over."""

    status: int
    timed_out: bool


async def stream_process(argv: Sequence[str], cwd: Path, env: Mapping[str, str], seconds: float, take: Take) -> Exit:
    """Run ``argv`` with exactly ``env`` and give ``take`` what it prints; return how it ended.

    Standard output and error are one stream; there is no input. After ``seconds``, or when cancelled, its whole
    process group is killed. Raises `OSError` when it cannot be started.
    """
    timed_out = False
    process, output = await _start(argv, cwd, env)
    try:
        async with _reading(output) as reader, asyncio.timeout(seconds):
            await _follow(process, reader, take)
    except TimeoutError:
        timed_out = True
    finally:
        await _end_group(process)
    return Exit(process.returncode or 0, timed_out)


async def _start(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[children.Child, int]:
    """Start the program; return it with the reading end of its output.

    The pipe is ours and not asyncio's, whose ``wait`` would wait for everybody who holds the pipe open.
    """
    reading_end, writing_end = os.pipe()
    try:
        process = await children.start(
            argv,
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing_end,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except BaseException:
        # Also when cancelled: nobody else would close it.
        os.close(reading_end)
        raise
    finally:
        os.close(writing_end)
    return process, reading_end


@contextlib.asynccontextmanager
async def _reading(descriptor: int) -> AsyncGenerator[asyncio.StreamReader]:
    """A reader of a pipe's end, which is closed afterwards whoever may still hold the other end."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        yield reader
    finally:
        transport.close()


async def _follow(process: children.Child, reader: asyncio.StreamReader, take: Take) -> None:
    """Read until the program has ended. What it left running may hold the pipe open: that gets a moment, no more."""
    reading = asyncio.create_task(_read(reader, take))
    try:
        await process.wait()
        await asyncio.wait([reading], timeout=_LINGER)
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, take: Take) -> None:
    while data := await reader.read(65536):
        await take(data)


async def _end_group(process: children.Child) -> None:
    """End what is left of the group: first politely, then not. Holds even when cancelled in between."""
    _signal_group(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        pass  # the hard signal below is the answer
    finally:
        _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    # Nobody is left, or (macOS) only those that have ended and wait for us to take notice.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
