"""One command on a host: its input and output as streams, its exit status, the tail of what it complained about.

asyncssh hides a lost link: reads end early and the exit status stays unset without an error. Here an end
without a status is `ConnectionLost`, always.
"""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from remote.errors import ConnectionLost, RemoteError

if TYPE_CHECKING:
    import asyncssh

_CHUNK = 256 * 1024
_LINE_LIMIT = 64 * 1024 * 1024
_TAIL = 64 * 1024
WINDOW = 16 * 1024 * 1024
"""Bytes the host may send before we read: a pull over a long link is bound by this."""
_ALL = 4 * WINDOW
"""More than can have come.

asyncssh opens the window anew with each piece that it hands on, however many wait behind: a reader that is slower than
the link, and takes part of what is there, lets the rest grow without a bound. So everything is taken at once.
"""


TerminalSize = tuple[int, int]
"""Columns and rows."""


class ChannelReader:
    """What the command prints, as bytes."""

    def __init__(self, reader: "asyncssh.SSHReader[bytes]", host: str) -> None:
        self._reader = reader
        self._host = host
        self._buffer = bytearray()

    async def read(self, size: int = _CHUNK) -> bytes:
        """The next bytes, at most ``size``; ``b""`` at the end; raises `ConnectionLost`."""
        if not self._buffer:
            self._buffer += await self._receive()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def readline(self) -> bytes:
        """The next line with its newline, the rest without one at the end, then ``b""``; raises `ConnectionLost`."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _LINE_LIMIT:
                raise RemoteError(f"{self._host} sent a line longer than {_LINE_LIMIT} bytes.", code="line-too-long")
            data = await self._receive()
            if not data:
                end = len(self._buffer) - 1
                break
            self._buffer += data
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def _receive(self) -> bytes:
        import asyncssh

        try:
            return await self._reader.read(_ALL)
        except (asyncssh.Error, OSError) as error:
            raise connection_lost(self._host) from error


class ChannelWriter:
    """The command's standard input."""

    def __init__(self, writer: "asyncssh.SSHWriter[bytes]", host: str) -> None:
        self._writer = writer
        self._host = host

    def write(self, data: bytes, /) -> None:
        """Queue bytes; raises `ConnectionLost` when the command's input is closed."""
        try:
            self._writer.write(data)
        except OSError as error:
            raise connection_lost(self._host) from error

    async def drain(self) -> None:
        """Wait until the host took what was queued, as far as the window asks for it; raises `ConnectionLost`."""
        import asyncssh

        try:
            await self._writer.drain()
        except (asyncssh.Error, OSError) as error:
            raise connection_lost(self._host) from error

    def write_eof(self) -> None:
        """End the command's input."""
        if not self._writer.channel.is_closing():
            self._writer.write_eof()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._writer.is_closing()

    def close(self) -> None:
        """End the command's input."""
        self.write_eof()


class Channel:
    """A running command. Use it as an async context manager, so that it ends with the block."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]", host: str) -> None:
        self._process = process
        self._host = host
        self._tail = bytearray()
        self.reader = ChannelReader(process.stdout, host)
        self.writer = ChannelWriter(process.stdin, host)
        # stdout and stderr share one receive window: unread stderr would stall stdout.
        self._stderr_pump = asyncio.create_task(self._keep_tail(), name=f"stderr of a command on {host}")

    @property
    def stderr_tail(self) -> str:
        """The last 64 KiB of standard error so far."""
        return self._tail.decode(errors="replace")

    async def wait(self) -> int:
        """The exit status, negative for a signal; raises `ConnectionLost` if none arrived. Read the output first."""
        import asyncssh

        try:
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            raise connection_lost(self._host) from error
        await self._stderr_pump
        status = self._process.returncode
        if status is None:
            raise connection_lost(self._host)
        return status

    def resize(self, size: TerminalSize) -> None:
        """Tell the command's terminal its size."""
        if not self._process.channel.is_closing():
            self._process.change_terminal_size(*size)

    def close(self) -> None:
        """Close the channel: the command's streams end; whether it ends is up to it."""
        self._process.close()

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()
        self._stderr_pump.cancel()
        await asyncio.wait([self._stderr_pump])

    async def _keep_tail(self) -> None:
        import asyncssh

        try:
            while data := await self._process.stderr.read(_ALL):
                self._tail += data
                del self._tail[:-_TAIL]
        except (asyncssh.Error, OSError):
            return  # the reader of stdout and `wait` report the loss


def connection_lost(host: str) -> ConnectionLost:
    """The error for a link that broke."""
    return ConnectionLost(
        f"The connection to {host} was lost before its answer was complete.", "Run the same command again."
    )
