"""A host looked over: what it says of itself, and what only shows from here: its latency, bandwidth and clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from agent.events import Frozen
from remote.connection import Connection
from remote.errors import RemoteError
from remote.host_client import HostClient
from remote.survey_records import Survey, Surveyed

_Transfer = Callable[[Connection, int], Awaitable[None]]

_LEAST, _MOST = 1 << 17, 1 << 25
_LONG_ENOUGH = 0.25
"""Seconds that a transfer takes before its speed is believed."""


class Link(Frozen):
    """The way to a host: round trip in seconds, bytes a second in each direction; ``skew`` is how many seconds its
    clock is ahead, ``None`` without castoff's runtime there."""

    rtt: float
    up: float
    down: float
    skew: float | None = None


async def survey_host(client: HostClient) -> tuple[Surveyed, Link]:
    """Have a host look itself over, and measure the way to it; raises `RemoteError`."""
    surveyed = await client.ask(Survey(), Surveyed)
    # The host read its clock last of all, half a round trip before its answer was here.
    skew = surveyed.now - (time.time() - client.connection.rtt / 2)
    link = await measure_link(client.connection)
    return surveyed, link.model_copy(update={"skew": round(skew, 3)})


async def measure_link(connection: Connection) -> Link:
    """Latency and bandwidth; costs about a second, and at most 64 MiB each way. Raises `RemoteError`."""
    return Link(rtt=connection.rtt, up=await _grow(connection, _send), down=await _grow(connection, _fetch))


async def _grow(connection: Connection, transfer: _Transfer) -> float:
    """Bytes a second, by transfers of twice the size each until one takes long enough."""
    count = _LEAST
    while True:
        started = time.monotonic()
        await transfer(connection, count)
        seconds = max(time.monotonic() - started - connection.rtt, 1e-6)
        if seconds >= _LONG_ENOUGH or count >= _MOST:
            return count / seconds
        count *= 2


async def _send(connection: Connection, count: int) -> None:
    data = await asyncio.to_thread(bytes, count)
    said = await connection.run(["wc", "-c"], input=data)
    if said.text != str(count):
        raise RemoteError(f"{connection.name} counted {said.text[:40]!r} of {count} bytes.", code="bandwidth")


async def _fetch(connection: Connection, count: int) -> None:
    said = await connection.run(["head", "-c", str(count), "/dev/zero"])
    if len(said.stdout) != count:
        raise RemoteError(f"{connection.name} sent {len(said.stdout)} of {count} bytes.", code="bandwidth")
