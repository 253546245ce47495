"""A slower side holds the faster one back: what waits in between has a bound, however much is sent."""

import asyncio
from pathlib import Path

from remote.channel import WINDOW
from tests.hosts import HostForTests
from tests.waiting import until

MIB = 1 << 20
PACE = 0.02
"""Seconds between the pieces of the slower side."""
SLOW = 'while [ -e "$0" ]; do dd bs=65536 count=1 2>/dev/null >>"$1"; sleep 0.02; done'


async def test_a_host_that_sends_more_than_is_read_waits(any_host: HostForTests) -> None:
    more = any_host.home / "more"
    more.touch()
    any_host.own(more)
    endless = 'while [ -e "$0" ]; do head -c 1000000 /dev/zero; done'
    async with (
        await any_host.connect() as connection,
        await connection.open(["sh", "-c", endless, str(more)]) as channel,
    ):
        for _ in range(120):
            await channel.reader.read(MIB // 4)
            await asyncio.sleep(PACE)
        more.unlink()
        waiting = 0
        while data := await channel.reader.read():
            waiting += len(data)
    assert waiting < 4 * WINDOW


async def test_an_embedded_host_whose_command_reads_slowly_takes_no_more(
    embedded_host: HostForTests, tmp_path: Path
) -> None:
    more, taken = tmp_path / "more", tmp_path / "taken"
    more.touch()
    taken.touch()
    sent = 0
    async with (
        await embedded_host.connect() as connection,
        await connection.open(["sh", "-c", SLOW, str(more), str(taken)]) as channel,
    ):

        async def flood() -> None:
            nonlocal sent
            while True:
                channel.writer.write(bytes(MIB))
                await channel.writer.drain()
                sent += MIB

        flooding = asyncio.create_task(flood())
        await until(lambda: taken.stat().st_size > 3 * MIB)
        flooding.cancel()
        more.unlink()
    assert sent < taken.stat().st_size + 12 * MIB
