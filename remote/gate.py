"""The gate: the only way out of a sandbox at level ``full``, a proxy of HTTP on a unix socket beside the runner.

It takes CONNECT and plain requests, one a connection, to what is on the run's list, and connects to the very address
that it has looked at. A path below ``/castoff/NAME/`` is a service whose key it adds (`remote.gate_keys`), so that the
key never is in the sandbox. What is refused is told. h11 reads and writes HTTP.

Of the proxies there are in Python none fits: they terminate TLS, bring a framework, or look a name up once more when
they connect.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11

from agent.errors import AgentError
from remote.egress import Entry, Network, find_entry, plain_host, split_port, why_closed
from remote.errors import RemoteError
from remote.gate_count import CallWatch, Counted
from remote.gate_inside import join_streams
from remote.gate_keys import Door

_CHUNK = 64 << 10
_HEAD_SECONDS = 30.0
_CONNECT_SECONDS = 20.0
_MOST = 256
_HOPS = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"upgrade", b"host", b"expect"}
)
"""Headers that are for one hop (RFC 9110, 7.6.1), or that this side says itself."""

Told = Callable[[str], None]
"""Takes the sentence that tells of a request which was refused."""


class Rules:
    """What one run may reach: its list, the private networks that it may lead into, its services by name."""

    def __init__(
        self, entries: Sequence[Entry], private: Sequence[Network] = (), doors: Mapping[str, Door] | None = None
    ) -> None:
        self.entries = entries
        self.private = private
        self.doors = doors or {}


class _Refused(Exception):
    """The request is answered with ``status``; ``told`` if it would have led where the run may not go."""

    def __init__(self, sentence: str, status: int = 403, *, told: bool = True) -> None:
        super().__init__(sentence)
        self.status = status
        self.told = told


class Gate:
    """Serves one run. ``rules`` is awaited by each request, so that the gate is open before they are known."""

    def __init__(
        self,
        rules: "asyncio.Future[Rules]",
        tell: Told,
        trust: ssl.SSLContext | None = None,
        counted: Counted = lambda _: None,
    ) -> None:
        """``counted`` is told what each call of a model behind a door took."""
        self._rules = rules
        self._tell = tell
        self._trust = trust
        self._counted = counted
        self._room = asyncio.Semaphore(_MOST)
        self._serving: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listen(self, path: Path) -> AsyncGenerator[None]:
        """Serve at ``path`` for as long as the context lasts. Raises `OSError`."""
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._welcome, path=path)
        path.chmod(0o600)
        try:
            yield
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            path.unlink(missing_ok=True)

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = _Peer(h11.Connection(h11.SERVER), reader, writer)
        # A client that goes in the middle is no event; it is told by the close.
        with contextlib.suppress(ConnectionError, h11.RemoteProtocolError, h11.LocalProtocolError):
            try:
                async with self._room:
                    await self._answer(near)
            except _Refused as refusal:
                if refusal.told:
                    self._tell(str(refusal))
                await near.refuse(refusal)
            finally:
                writer.close()

    async def _answer(self, near: "_Peer") -> None:
        async with _limit(_HEAD_SECONDS):
            request = await near.next_event()
        if not isinstance(request, h11.Request):
            return
        target = request.target.decode("ascii", "replace")
        if request.method == b"CONNECT":
            await self._tunnel(near, target)
        elif target.startswith("/"):
            await self._open_door(near, request, target)
        else:
            await self._forward(near, request, target)

    async def _tunnel(self, near: "_Peer", target: str) -> None:
        reader, writer = await self._connect(*_authority(target, 443))
        try:
            await near.next_event()
            await near.send(h11.Response(status_code=200, headers=[], reason=b"OK"))
            begun, _ = near.connection.trailing_data
            writer.write(begun)
            await join_streams(near.reader, near.writer, reader, writer)
        finally:
            writer.close()

    async def _forward(self, near: "_Peer", request: h11.Request, target: str) -> None:
        try:
            url = urlsplit(target)
        except ValueError:
            raise _Refused("This is no address of the web.", 400, told=False) from None
        if url.scheme != "http" or not url.netloc or "@" in url.netloc:
            raise _Refused("Only http:// goes without CONNECT.", 400, told=False)
        host, port = _authority(url.netloc, 80)
        reader, writer = await self._connect(host, port)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        await _exchange(near, request, reader, writer, Door(netloc=url.netloc, path=path, tls=False))

    async def _open_door(self, near: "_Peer", request: h11.Request, target: str) -> None:
        name, _, rest = target.removeprefix("/castoff/").partition("/")
        door = (await self._know()).doors.get(name) if target.startswith("/castoff/") else None
        if door is None:
            raise _Refused("There is no such service here.", 404, told=False)
        host, port = _authority(door.netloc, 443 if door.tls else 80)
        context = (self._trust or ssl.create_default_context()) if door.tls else None
        # What the user has set as the address of the service is on the list by that.
        reader, writer = await self._connect(host, port, Entry(host=host, port=port), tls=context)
        watch = CallWatch(request, f"{'https' if door.tls else 'http'}://{door.netloc}{door.path}", self._counted)
        # What is compressed could not be counted.
        there = {"path": f"{door.path}/{rest}", "headers": {**door.headers, "Accept-Encoding": "identity"}}
        await _exchange(near, request, reader, writer, door.model_copy(update=there), watch)

    async def _know(self) -> Rules:
        try:
            # Shielded: a request that is given up must not end what all others wait for.
            return await asyncio.shield(self._rules)
        except (AgentError, RemoteError) as error:
            raise _Refused(f"The sandbox has no list of what it may reach: {error}", 503) from error

    async def _connect(
        self, host: str, port: int, entry: Entry | None = None, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        rules = await self._know()
        entry = entry or find_entry(rules.entries, host, port)
        if entry is None:
            raise _Refused(f"The sandbox refused {_show(host, port)}: it is not on this run's list.")
        addresses = await _resolve(host, port)
        closed = [why_closed(address, entry, rules.private) for address in addresses]
        ways = [address for address, why in zip(addresses, closed, strict=True) if not why]
        if not ways:
            raise _Refused(f"The sandbox refused {_show(host, port)}: {closed[0]}.")
        for address in ways:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port, ssl=tls, server_hostname=host if tls else None)
        raise _Refused(f"{_show(host, port)} cannot be reached from the host.", 502, told=False)


class _Peer:
    """One side of an exchange: what h11 makes of its bytes."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection = connection
        self.reader = reader
        self.writer = writer

    async def next_event(self) -> Any:
        """What comes next, reading as much as that takes; raises `h11.RemoteProtocolError`."""
        while (event := self.connection.next_event()) is h11.NEED_DATA:
            self.connection.receive_data(await self.reader.read(_CHUNK))
        return event

    async def send(self, event: h11.Event) -> None:
        """Say it."""
        self.writer.write(self.connection.send(event) or b"")
        await self.writer.drain()

    async def refuse(self, refusal: _Refused) -> None:
        """Answer with why, if no answer has begun."""
        if self.connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        text = f"castoff: {refusal}\n".encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text))), ("Connection", "close")]
        await self.send(h11.Response(status_code=refusal.status, headers=headers))
        await self.send(h11.Data(data=text))
        await self.send(h11.EndOfMessage())


async def _exchange(
    near: _Peer,
    request: h11.Request,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    to: Door,
    watch: CallWatch | None = None,
) -> None:
    """Send the request on, its headers as ``to`` has them, and its answer back, as they come."""
    far = _Peer(h11.Connection(h11.CLIENT), reader, writer)
    own = {name.lower().encode() for name in to.headers}
    headers = [(name, to.fill(value)) for name, value in request.headers if name not in _HOPS | own]
    headers += [(b"Host", to.netloc.encode()), (b"Connection", b"close")]
    headers += [(name.encode(), value.encode()) for name, value in to.headers.items()]
    try:
        if any(name == b"expect" for name, _ in request.headers):
            await near.send(h11.InformationalResponse(status_code=100, headers=[]))
        await far.send(h11.Request(method=request.method, target=to.path, headers=headers))
        sending = asyncio.create_task(_copy(near, far))
        try:
            await _answer_back(near, far, watch)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    finally:
        writer.close()


async def _copy(source: _Peer, sink: _Peer) -> None:
    """The body, to its end."""
    while True:
        event = await source.next_event()
        if not isinstance(event, h11.Data | h11.EndOfMessage):
            return
        await sink.send(event if isinstance(event, h11.Data) else h11.EndOfMessage())
        if isinstance(event, h11.EndOfMessage):
            return


async def _answer_back(near: _Peer, far: _Peer, watch: CallWatch | None) -> None:
    response = await far.next_event()
    while isinstance(response, h11.InformationalResponse):
        response = await far.next_event()
    if not isinstance(response, h11.Response):
        raise _Refused("The server ended without an answer.", 502, told=False)
    headers = [(name, value) for name, value in response.headers if name not in _HOPS]
    headers.append((b"Connection", b"close"))
    if watch is not None:
        watch.begin(response)
    try:
        await near.send(h11.Response(status_code=response.status_code, headers=headers, reason=response.reason))
        await (_copy(far, near) if watch is None else _copy_counted(far, near, watch))
    finally:
        if watch is not None:
            watch.end(ended=False)


async def _copy_counted(source: _Peer, sink: _Peer, watch: CallWatch) -> None:
    """The body, to its end; when the client has all of it, it is counted."""
    held: h11.Event | None = None
    while not isinstance(event := await source.next_event(), h11.EndOfMessage):
        if not isinstance(event, h11.Data):
            return
        watch.feed(bytes(event.data))
        if held is not None:
            await sink.send(held)
        held = event if watch.holds else None
        if held is None:
            await sink.send(event)
    watch.end(ended=True)
    if held is not None:
        await sink.send(held)
    await sink.send(h11.EndOfMessage())


def _authority(text: str, default: int) -> tuple[str, int]:
    try:
        host, port = split_port(text)
    except ValueError as error:
        raise _Refused(f"The sandbox refused a request: {error}.") from None
    return host, default if port is None else port


def _show(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.asynccontextmanager
async def _limit(seconds: float) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise _Refused("The request did not come.", 408, told=False) from None


async def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which to try them."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(plain_host(host), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise _Refused(f"The host does not find {_show(host, port)}.", 502, told=False) from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))
