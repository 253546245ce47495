"""The holder's side of the rsync bridge: a Unix socket; each request on it becomes a channel of the SSH connection.

The other side is `remote.bridge_rsh`, which describes the framing. Whoever can connect to the socket can run commands
on the host: it lives in a directory that only its owner can enter.
"""

import asyncio
import contextlib
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from remote import bridge_rsh
from remote.channel import Channel
from remote.connection import Connection
from remote.errors import ConnectionLost, RemoteError

_CHUNK = 256 * 1024
_ARGUMENTS_LIMIT = 1024 * 1024
_LAST_WORDS_SECONDS = 5.0


class Bridge:
    """Serves requests while the block lasts; after it no channel that it opened remains open."""

    def __init__(self, connection: Connection, *, only_listen: bool = False) -> None:
        self._connection = connection
        self._only_listen = only_listen
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.stderr_tail = ""
        """What the last remote command complained about, its last 64 KiB."""
        self.failure: RemoteError | None = None
        """Why the link ended a request, if it did."""
        self.command = ""
        """The command line of the last request. With ``only_listen`` that is all that comes of it."""
        # Not the user's temporary directory: it may be too deep for a socket's path.
        self.directory = Path(tempfile.mkdtemp(prefix="castoff-", dir="/tmp"))
        self._socket = self.directory / "s"

    @property
    def remote_shell(self) -> str:
        """The value of rsync's ``--rsh``, in its own quoting."""
        words = [sys.executable, "-I", "-S", str(Path(bridge_rsh.__file__)), str(self._socket)]
        return " ".join("'" + word.replace("'", "''") + "'" for word in words)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self._socket, limit=2 * _CHUNK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket and every channel."""
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shutil.rmtree(self.directory)

    async def settle(self) -> None:
        """Wait some seconds at most until all requests are over; for after rsync has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * _LAST_WORDS_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except RemoteError as error:
            self.failure = error
        except (OSError, asyncio.IncompleteReadError):
            return  # rsync is gone; its exit status says why
        except asyncio.CancelledError:
            return  # the block ends
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack(">I", await reader.readexactly(4))
        if size > _ARGUMENTS_LIMIT:
            raise RemoteError(f"rsync asked for a command of {size} bytes.", code="bridge")
        words = (await reader.readexactly(size)).split(b"\0")
        # rsync quoted the words for a remote shell already: quoting again would break names with spaces.
        self.command = b" ".join(words).decode("utf-8", "surrogateescape")
        if self._only_listen:
            return
        async with await self._open(self.command) as channel:
            feeding = asyncio.create_task(_feed(reader, channel))
            try:
                if not await _deliver(channel, writer):
                    return
                status = await channel.wait()
            finally:
                feeding.cancel()
                await asyncio.wait([feeding])
                self.stderr_tail = channel.stderr_tail
            writer.write(bridge_rsh.HEADER.pack(b"X", 4) + bridge_rsh.STATUS.pack(status))
            await writer.drain()

    async def _open(self, command: str) -> Channel:
        waiting = self._connection.ahead.get(command)
        return waiting.pop() if waiting else await self._connection.start(command)


async def _feed(reader: asyncio.StreamReader, channel: Channel) -> None:
    """rsync's bytes to the remote command; how that ends is told by its status."""
    try:
        while data := await reader.read(_CHUNK):
            channel.writer.write(data)
            await channel.writer.drain()
        channel.writer.write_eof()
    except (ConnectionLost, OSError):
        return


async def _deliver(channel: Channel, writer: asyncio.StreamWriter) -> bool:
    """The remote command's output to rsync, as frames; whether rsync took it all."""
    try:
        while data := await channel.reader.read(_CHUNK):
            writer.write(bridge_rsh.HEADER.pack(b"O", len(data)))
            writer.write(data)
            await writer.drain()
    except OSError:
        # rsync here gave up; what the other end complained about is still to come, and says why.
        channel.writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                while await channel.reader.read(_CHUNK):
                    continue
                await channel.wait()
        return False
    return True
