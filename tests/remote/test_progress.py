"""Work that reports by callback, told as steps."""

import asyncio
from contextlib import aclosing

import pytest

from remote.progress import Relay


async def test_steps_come_as_they_are_reported_and_then_the_result() -> None:
    relay = Relay[int, str]()

    async def work() -> str:
        relay.report(1)
        relay.report(2)
        return "done"

    assert [step async for step in relay.steps(work)] == [1, 2]
    assert relay.result == "done"


async def test_an_early_end_waits_until_the_work_has_cleaned_up_and_asks_no_more() -> None:
    relay, cleaned = Relay[int, None](), asyncio.Event()

    async def work() -> None:
        relay.report(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            cleaned.set()
            raise ConnectionError("the link is gone too") from None

    async with aclosing(relay.steps(work)) as steps:
        assert await anext(steps) == 1
    assert cleaned.is_set()


async def test_who_ends_it_can_be_cancelled_meanwhile() -> None:
    relay, cancelled, go_on = Relay[int, None](), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        relay.report(1)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
            await go_on.wait()

    async def drive() -> None:
        async with aclosing(relay.steps(work)) as steps:
            await anext(steps)

    driving = asyncio.create_task(drive())
    await cancelled.wait()
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    go_on.set()
