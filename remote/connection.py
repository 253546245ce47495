"""The one SSH connection to a host, on asyncssh: connect with a pinned host key, run commands, open channels.

Every command goes through `Connection.run` or `Connection.open`: they alone know that an end without an
exit status means a lost link. asyncssh is imported when the first connection is made: it costs start-up time,
and hosts do not have it.
"""

import asyncio
import shlex
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.events import Frozen
from remote.channel import WINDOW, Channel, TerminalSize, connection_lost
from remote.config import Host
from remote.errors import (
    CommandFailed,
    ConnectionLost,
    HostLacks,
    HostNoisy,
    HostTimeout,
    HostUnreachable,
    RemoteError,
)
from remote.hostkeys import HostKeyQuestion, HostKeys

if TYPE_CHECKING:
    import asyncssh

Trust = Callable[[HostKeyQuestion], Awaitable[bool]]
Passphrase = Callable[[str], Awaitable[str]]
"""Asked with the private key's file name."""

_OUTPUT_LIMIT = 64 * 1024 * 1024
_STDERR_HEAD = 2000
_NEAR_RTT = 0.02
_NEAR_PINGS = 3
_CHECK_SECONDS = 5.0


class Output(Frozen):
    """What a command left: its exit status (negative for a signal), and its output. ``stderr`` is the last 64 KiB."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text, without surrounding white space."""
        return self.stdout.decode(errors="replace").strip()


class Connection:
    """An open connection to one host. ``rtt`` is the round-trip time in seconds, measured when it was made."""

    def __init__(self, host: Host, ssh: "asyncssh.SSHClientConnection") -> None:
        self.host = host
        self.rtt = 0.0
        self.versions: dict[str, str] = {}
        """What programs on the host said of themselves, kept so that they are asked once."""
        self.ahead: dict[str, list[Channel]] = {}
        """Channels of commands that were started before anything is to be said to them, by command line."""
        self.peer = _peer_of(ssh)
        """Where the host is on the network; ``None`` if something stands between, as a jump host."""
        self._ssh = ssh

    @property
    def name(self) -> str:
        """The host's name in the settings."""
        return self.host.name

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._ssh.is_closed()

    async def run(
        self, argv: Sequence[str], *, input: bytes | None = None, timeout: float | None = 60.0, check: bool = True
    ) -> Output:
        """Run a command to its end and return its output; ``input`` is fed to it, then its standard input ends.

        Raises `ConnectionLost`, `HostTimeout` after ``timeout`` seconds, and with ``check`` `HostLacks` if there is no
        such program, `CommandFailed` for any status but 0.
        """
        try:
            async with asyncio.timeout(timeout):
                output = await self._collect(argv, input or b"")
        except TimeoutError as error:
            raise HostTimeout(f"{argv[0]} on {self.name} did not end within {timeout:g} seconds.") from error
        if check and output.status != 0:
            raise self._failure(argv, output)
        return output

    async def open(self, argv: Sequence[str]) -> Channel:
        """Start a command and return its streams; raises `ConnectionLost`."""
        return await self.start(shlex.join(argv))

    async def open_terminal(self, argv: Sequence[str], kind: str, size: TerminalSize) -> Channel:
        """Start a command in a terminal of its own there, of the ``kind`` that TERM names; raises `ConnectionLost`.

        What it complains about is among its output.
        """
        return await self.start(shlex.join(argv), kind, size)

    async def start(self, command: str, kind: str | None = None, size: TerminalSize = (80, 24)) -> Channel:
        """Start a command line that is already quoted for the host's shell; raises `ConnectionLost`."""
        import asyncssh

        try:
            process = await self._ssh.create_process(
                command, encoding=None, window=WINDOW, term_type=kind, term_size=size if kind else (0, 0)
            )
        except asyncssh.ChannelOpenError as error:
            if self.closed:
                raise connection_lost(self.name) from error
            raise HostUnreachable(
                f"{self.name} refuses another command on this connection: {error.reason}.",
                "Raise MaxSessions in its sshd_config.",
            ) from error
        except (asyncssh.Error, OSError) as error:
            raise connection_lost(self.name) from error
        return Channel(process, self.name)

    async def close(self) -> None:
        """Close the connection and wait until it is closed."""
        self._ssh.close()
        await self._ssh.wait_closed()

    async def check(self) -> None:
        """Ask the host for a sign of life; a link without one is closed. Raises `RemoteError`."""
        try:
            await self.run(["true"], timeout=_CHECK_SECONDS)
        except HostTimeout as error:
            await self.close()
            raise connection_lost(self.name) from error

    async def measure(self) -> None:
        """Warm the connection up, set `rtt`, and raise `HostNoisy` if the login shell prints text of its own."""
        mark = b"castoff\n"
        channel = await self.open(["cat"])
        async with channel, asyncio.timeout(30):
            line, self.rtt = await _ping(channel, mark)
            # The first answer took the start of `cat` too, which on a near link is most of it.
            for _ in range(_NEAR_PINGS if line == mark and self.rtt < _NEAR_RTT else 0):
                line, again = await _ping(channel, mark)
                self.rtt = min(self.rtt, again)
            channel.writer.write_eof()
            if line != mark:
                raise self._noisy(line or channel.stderr_tail.encode())

    async def _collect(self, argv: Sequence[str], data: bytes) -> Output:
        async with await self.open(argv) as channel:
            feeding = asyncio.create_task(_feed(channel, data))
            try:
                stdout = bytearray()
                while piece := await channel.reader.read():
                    stdout += piece
                    if len(stdout) > _OUTPUT_LIMIT:
                        raise RemoteError(f"{argv[0]} on {self.name} printed more than 64 MiB.", code="output-too-long")
                status = await channel.wait()
            finally:
                feeding.cancel()
                await asyncio.wait([feeding])
            return Output(status=status, stdout=bytes(stdout), stderr=channel.stderr_tail)

    def _failure(self, argv: Sequence[str], output: Output) -> RemoteError:
        program = argv[0]
        if output.status == 127 and program != "sh":
            return HostLacks(
                f"{program} is not installed on {self.name}.", f"Install {program} there.", missing=(program,)
            )
        said = output.stderr.strip()[:_STDERR_HEAD]
        first = said.splitlines()[0].rstrip(".") if said else "it said nothing"
        return CommandFailed(
            f"{program} on {self.name} failed with status {output.status}: {first}.", status=output.status, stderr=said
        )

    def _noisy(self, line: bytes) -> HostNoisy:
        return HostNoisy(
            f"The login shell on {self.name} does not run plain commands cleanly; it printed: "
            f"{line.decode(errors='replace').strip()[:200]!r}.",
            "Let its start-up files (.bashrc and the like) print nothing when there is no terminal.",
        )

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        await self.close()


async def connect(
    host: Host,
    *,
    trust: Trust | None = None,
    passphrase: Passphrase | None = None,
    host_keys: HostKeys | None = None,
    ssh_config: Path | None = None,
    before: Connection | None = None,
    joined: socket.socket | None = None,
) -> Connection:
    """Connect to a host whose key is pinned, or that ``trust`` agrees to; the key is pinned then.

    ``ssh_config`` is the user's ``~/.ssh/config`` unless given. ``before`` is a connection to this host that was lost:
    what it measured is not measured again. ``joined`` is a socket that leads to the host's SSH server already, and
    belongs to the connection then. Raises a `ConnectError`, `HostNoisy` or `ConnectionLost`, each with its sentence.
    """
    from remote.dial import dial

    config = ssh_config or Path("~/.ssh/config").expanduser()
    ssh = await dial(host, trust, passphrase, host_keys or HostKeys(), config, joined)
    connection = Connection(host, ssh)
    if before is not None:
        connection.rtt = before.rtt
        return connection
    try:
        await connection.measure()
    except TimeoutError as error:
        await connection.close()
        raise HostUnreachable(
            f"{host.name} let us in but does not run commands.", "Log in there by hand and see why."
        ) from error
    except BaseException:
        # Also when cancelled: a connection that nobody holds would stay open.
        await connection.close()
        raise
    return connection


async def _ping(channel: Channel, mark: bytes) -> tuple[bytes, float]:
    """What came back for ``mark``, and after how many seconds."""
    started = time.monotonic()
    channel.writer.write(mark)
    line = await channel.reader.readline()
    return line, time.monotonic() - started


async def _feed(channel: Channel, data: bytes) -> None:
    """Feed input to a command; one that ends without reading it all is judged by its status."""
    try:
        channel.writer.write(data)
        await channel.writer.drain()
        channel.writer.write_eof()
    except ConnectionLost:
        return


def _peer_of(ssh: "asyncssh.SSHClientConnection") -> tuple[str, int] | None:
    """The address and port that the connection leads to, unless it leads there through another one or a program."""
    peer: tuple[str, int] | tuple[str, int, int, int] | None = ssh.get_extra_info("peername")
    # asyncssh tells the second of a connection inside another one, and as the first the other's.
    return None if peer is None or ssh.get_extra_info("remote_peername") is not None else peer[:2]
