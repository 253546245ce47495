"""All links to hosts of one castoff process: a connection each, and on it the host's requests and attachments."""

import asyncio
from collections.abc import Callable

from agent.viewer import Viewer, attach
from remote.bootstrap import ensure_runtime
from remote.channel import Channel
from remote.config import Host, Settings
from remote.connection import Connection, Passphrase, Trust
from remote.connections import Connections
from remote.errors import RemoteError
from remote.host_client import HostClient, runner_command

Report = Callable[[str], None]


def _silent(_: str) -> None:
    return


class Links:
    """Connections by host name, made when first asked for and again after a loss. Close it at the end."""

    def __init__(
        self, settings: Settings | None = None, *, trust: Trust | None = None, passphrase: Passphrase | None = None
    ) -> None:
        self.settings = settings or Settings()
        self._connections = Connections(trust=trust, passphrase=passphrase)
        self._clients: dict[str, HostClient] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def host(self, name: str) -> Host:
        """The host's settings; raises `remote.errors.HostNotConfigured`."""
        return self.settings.host(name)

    async def connect(self, name: str) -> Connection:
        """The open connection to a host; raises `remote.errors.RemoteError`."""
        return await self._connections.get(self.host(name))

    async def client(self, name: str, report: Report = _silent) -> HostClient:
        """The host's requests, with castoff's runtime installed there at need; ``report`` gets lines to show.

        Raises `remote.errors.RemoteError`.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            connection = await self.connect(name)
            known = self._clients.get(name)
            if known is not None and known.connection is connection:
                return known
            if known is not None:
                await known.close()
            if known is not None and known.connection.host == connection.host:
                runtime = known.runtime
            else:
                runtime = await ensure_runtime(connection, report=report)
            self._clients[name] = HostClient(connection, runtime)
            return self._clients[name]

    async def attach(self, name: str, run_id: str, after_seq: int = 0) -> Viewer:
        """A viewer of a run on a host; raises `remote.errors.RemoteError` or `agent.errors.ViewerGone`."""
        client = await self.client(name)
        channel = await client.connection.open(runner_command(client.runtime, "attach", run_id))
        stream = _Stream(channel)
        try:
            return await attach(stream, stream, after_seq, release=stream.release)
        except BaseException:
            # Also when cancelled: a channel that nobody holds would stay open.
            await stream.release()
            raise

    async def close(self) -> None:
        """Close every connection; what runs on hosts goes on."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        await self._connections.close()


class _Stream:
    """A channel as a viewer's streams: a lost link is the `ConnectionError` that a viewer knows, and what the program
    there complained about before it ended an `EOFError`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def readline(self) -> bytes:
        try:
            line = await self._channel.reader.readline()
        except RemoteError as error:
            raise ConnectionError(str(error)) from error
        if not line and (said := self._channel.stderr_tail.strip()):
            raise EOFError(said.splitlines()[-1])
        return line

    def write(self, data: bytes, /) -> None:
        try:
            self._channel.writer.write(data)
        except RemoteError as error:
            raise ConnectionError(str(error)) from error

    async def drain(self) -> None:
        try:
            await self._channel.writer.drain()
        except RemoteError as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        self._channel.writer.close()

    async def release(self) -> None:
        async with self._channel:
            pass
