"""A start that is cancelled, whenever that may be, neither hangs nor leaves the program behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from agent import children
from agent.streaming import stream_process

FOREVER = ["sh", "-c", "sleep 600 & sleep 600"]
"""A program whose child holds its pipes open."""


@pytest.mark.parametrize("rounds", range(12))
async def test_a_cancelled_start_ends(rounds: int) -> None:
    task = asyncio.create_task(children.start(FOREVER, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True))
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    _, hanging = await asyncio.wait((task,), timeout=30)
    assert not hanging
    if not task.cancelled():
        await task.result().end()


async def test_a_cancelled_start_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[children.Child] = []
    end = children.Child.end

    async def note(child: children.Child) -> None:
        await end(child)
        ended.append(child)

    monkeypatch.setattr(children.Child, "end", note)
    task = asyncio.create_task(children.start(FOREVER, stdout=PIPE, start_new_session=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,))
    assert task.cancelled()
    assert [child.returncode for child in ended] == [-signal.SIGKILL]


@pytest.mark.parametrize("rounds", range(12))
async def test_a_cancelled_command_of_an_agent_ends(rounds: int, tmp_path: Path) -> None:
    open_before = set(Path("/dev/fd").iterdir())

    async def take(_: bytes) -> None:
        return None

    task = asyncio.create_task(stream_process(FOREVER, tmp_path, dict(os.environ), 600, take))
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    _, hanging = await asyncio.wait((task,), timeout=30)
    assert not hanging
    assert task.cancelled()
    assert set(Path("/dev/fd").iterdir()) == open_before


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        await children.start(["/no/such/program"], stdin=DEVNULL)


async def test_a_program_is_heard_out_or_ended() -> None:
    process = await children.start([sys.executable, "-I", "-c", "print(input())"], stdin=PIPE, stdout=PIPE)
    assert await children.hear_out(process, b"hello\n") == (b"hello\n", None)
    process = await children.start([sys.executable, "-I", "-c", "input()"], stdin=PIPE, stdout=PIPE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await children.hear_out(process)
    assert process.returncode is not None


@pytest.mark.parametrize("cancelled", [False, True])
async def test_what_does_not_end_in_time_is_told_in_the_cleanup_of_a_cancelled_task_too(cancelled: bool) -> None:
    said: list[bool] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await (asyncio.Event().wait() if cancelled else asyncio.sleep(0))
        finally:
            said.append(await children.ends_within(0.05, asyncio.Event().wait()))
            said.append(await children.ends_within(60, asyncio.sleep(0)))

    task = asyncio.create_task(work())
    await begun.wait()
    if cancelled:
        task.cancel()
    await asyncio.wait((task,))
    assert (said, task.cancelled()) == ([False, True], cancelled)


async def test_what_an_ending_raises_is_raised() -> None:
    async def fail() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await children.ends_within(60, fail())
