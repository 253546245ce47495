"""A move outlives its link: what was cut is done again, on a new connection, when the link is back.

Every request to a host can be asked again and every transfer goes on where it stopped, so nothing is decided here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from remote.errors import ConnectionLost, RemoteError
from remote.host_client import HostClient
from remote.links import Links
from remote.patience import LINK_FAILURES, Patience
from remote.progress import Relay
from remote.reach import Mover
from remote.steps import LinkBack, LinkLost

LINK_SECONDS = 60.0
"""How long a link is looked for each time that it is lost."""
_TRIES = 10
"""Of one piece of work: a link that breaks each time, as one that lets no large packets through, is no link."""

Step = TypeVar("Step")
Result = TypeVar("Result")


async def endure(
    mover: Mover, links: Links, host: str, work: Callable[[], Coroutine[Any, Any, Result]], relay: Relay[Any, Result]
) -> AsyncGenerator[Any]:
    """Do ``work`` with ``mover``'s client and yield what it reports to ``relay``, which has its result afterwards; do
    it again whenever the link was lost. Raises what ``work`` raises, `ConnectionLost` when the link stays away."""
    async with aclosing(relay.steps(lambda: _persist(mover, links, host, work, relay.report))) as steps:
        async for step in steps:
            yield step
    relay.raise_failure()


async def _persist(
    mover: Mover,
    links: Links,
    host: str,
    work: Callable[[], Coroutine[Any, Any, Result]],
    report: Callable[[LinkLost | LinkBack], None],
) -> Result:
    tries = 0
    while True:
        tries += 1
        try:
            return await work()
        except ConnectionLost as lost:
            if tries == _TRIES:
                raise
            report(LinkLost(host=host, seconds=LINK_SECONDS))
            mover.client = await _find(links, host, lost)
            report(LinkBack(host=host))
        except RemoteError as error:
            # What served the lost link there has not noticed yet that nobody is at its other end.
            if tries in (1, _TRIES) or error.code != "being-moved":
                raise


async def _find(links: Links, host: str, lost: ConnectionLost) -> HostClient:
    patience = Patience()
    try:
        async with asyncio.timeout(LINK_SECONDS):
            while True:
                try:
                    return await links.client(host)
                except LINK_FAILURES as error:
                    await asyncio.sleep(patience.fail(error))
    except TimeoutError:
        raise lost from None
