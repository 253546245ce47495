"""The connections of one castoff process: one for each host, made when it is first asked for and again after a loss."""

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from remote.config import Host
from remote.connection import Connection, Passphrase, Trust, connect
from remote.errors import RemoteError
from remote.hostkeys import HostKeys
from remote.knock import knock
from remote.sleep import Sleep

_SLEEP_LOOK_SECONDS = 1.0
_KNOCK_SECONDS = 3.0


class Connections:
    """One connection for each host, made when it is first asked for and again after it was lost.

    After this machine slept each is checked before anything else is done with it, and at once: what waits for a host
    on a link that died meanwhile is told. A host whose link was lost is knocked at for some seconds before that is an
    error, so that it is connected as soon as it answers.
    """

    def __init__(
        self,
        *,
        trust: Trust | None = None,
        passphrase: Passphrase | None = None,
        host_keys: HostKeys | None = None,
        ssh_config: Path | None = None,
        sleep: Sleep | None = None,
    ) -> None:
        self._sleep = sleep or Sleep()
        self._doubtful: set[Connection] = set()
        self._watching: asyncio.Task[None] | None = None
        self._trust = trust
        self._passphrase = passphrase
        self._host_keys = host_keys
        self._ssh_config = ssh_config
        self._open: dict[str, Connection] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, host: Host) -> Connection:
        """The connection to ``host``, made now if there is none; raises what `connect` raises."""
        async with self._locks.setdefault(host.name, asyncio.Lock()):
            known = self._open.get(host.name)
            if known is not None and known.host == host and await self._stands(known):
                return known
            if known is not None:
                await known.close()
            if known is not None and known.host == host and known.peer is not None:
                self._open[host.name] = await self._find_again(known, known.peer)
            else:
                self._open[host.name] = await self._connect(host)
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch(), name="sleep of this machine")
            return self._open[host.name]

    async def _connect(
        self, host: Host, before: Connection | None = None, joined: socket.socket | None = None
    ) -> Connection:
        return await connect(
            host,
            trust=self._trust,
            passphrase=self._passphrase,
            host_keys=self._host_keys,
            ssh_config=self._ssh_config,
            before=before,
            joined=joined,
        )

    async def _find_again(self, lost: Connection, peer: tuple[str, int]) -> Connection:
        """Connect again where the host was, as soon as it answers there; after some seconds also by its name."""
        knocking = asyncio.create_task(knock(*peer))
        used = False
        try:
            await asyncio.wait([knocking], timeout=_KNOCK_SECONDS)
            if not knocking.done():
                dialling = asyncio.create_task(self._connect(lost.host))
                try:
                    # An attempt that began while nothing got through may hang long after the link is back.
                    await asyncio.wait([knocking, dialling], return_when=asyncio.FIRST_COMPLETED)
                except asyncio.CancelledError:
                    await _drop(dialling)
                    raise
                if dialling.done():
                    return dialling.result()
                await _drop(dialling)
            used = True
            return await self._connect(lost.host, lost, knocking.result())
        finally:
            knocking.cancel()
            await asyncio.wait([knocking])
            if not used and not knocking.cancelled():
                knocking.result().close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_SLEEP_LOOK_SECONDS)
            self._look()
            await asyncio.gather(*(self._settle(connection) for connection in tuple(self._doubtful)))

    async def _settle(self, connection: Connection) -> None:
        async with self._locks[connection.name]:
            await self._stands(connection)

    def _look(self) -> None:
        if self._sleep.ended():
            self._doubtful.update(self._open.values())

    async def _stands(self, connection: Connection) -> bool:
        """Whether a connection is open; one that the machine slept over is asked. Called with its host's lock."""
        self._look()
        if connection in self._doubtful and not connection.closed:
            try:
                await connection.check()
            except RemoteError:
                await connection.close()
        self._doubtful.discard(connection)
        return not connection.closed

    async def close(self) -> None:
        """Close them all, those that come meanwhile too."""
        while self._open:
            _, connection = self._open.popitem()
            await connection.close()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        await self.close()


async def _drop(dialling: asyncio.Task[Connection]) -> None:
    """End an attempt, and what has come of it."""
    dialling.cancel()
    await asyncio.wait([dialling])
    if not dialling.cancelled() and dialling.exception() is None:
        await dialling.result().close()
