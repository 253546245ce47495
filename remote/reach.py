"""The first steps of every move: the host is connected, with castoff's runtime installed there at need."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from remote.host_client import HostClient
from remote.links import Links
from remote.progress import Relay
from remote.steps import Connecting, SettingUp


class Mover(Protocol):
    """One move in the making, which gets the host's client."""

    client: HostClient | None


async def reach(mover: Mover, links: Links, host: str) -> AsyncGenerator[Connecting | SettingUp]:
    """Connect ``mover`` to ``host``; raises `remote.errors.RemoteError`."""
    yield Connecting(host=host)
    relay: Relay[Connecting | SettingUp, HostClient] = Relay()
    work = relay.steps(lambda: links.client(host, lambda line: relay.report(SettingUp(detail=line))))
    async with aclosing(work) as steps:
        async for step in steps:
            yield step
    mover.client = relay.result
