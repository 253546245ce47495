"""A TCP link that fails: a proxy on loopback before a real server, for tests only.

Each connection through it has a `Fate`, chosen when it is made. Times are in seconds, bytes are counted in one
direction (``up``: to the server).
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down"]
End = Literal["cut", "half-open", "stall", "none"]


@dataclass(frozen=True)
class Fate:
    """What becomes of one connection: how it ends, and how it is until then.

    ``cut`` aborts both sides; ``half-open`` forwards nothing more in any direction and tells nobody; ``stall`` does so
    for ``seconds``. It comes when ``after`` bytes have gone in ``direction``.
    """

    end: End = "none"
    direction: Direction = "down"
    after: int = 0
    seconds: float = 0.0
    delay: float = 0.0
    """Of each piece of data."""
    segment: int = 65536
    """Bytes that are forwarded at once; 1 sends each alone."""


CALM = Fate()


def draw_fate(dice: random.Random, most: int, ends: tuple[End, ...] = ("cut", "half-open", "stall")) -> Fate:
    """A fate that befalls a connection within ``most`` bytes."""
    # Half of them where little has gone yet: in greetings, keys, logins.
    after = int(most ** dice.random()) if dice.random() < 0.5 else dice.randrange(most)
    return Fate(
        end=dice.choice(ends),
        direction=dice.choice(("up", "down")),
        after=after,
        seconds=dice.choice((0.2, 1.0)),
        delay=dice.choice((0.0, 0.0, 0.005)),
        # One byte at a time costs a wakeup each.
        segment=1 if after < 4000 and dice.random() < 0.5 else 65536,
    )


@dataclass(eq=False)
class _Pipe:
    fate: Fate
    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    gone: dict[Direction, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    struck: bool = False


class ChaosProxy:
    """Forwards ``port`` to ``to``. ``fate`` is called for each new connection; ``refusing`` refuses them."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.port = 0
        self.fate: Callable[[], Fate] = lambda: CALM
        self.joined = 0
        """How many connections came."""
        self.strikes = 0
        """How many connections met their end."""
        self.struck = asyncio.Event()
        """Set whenever one did."""
        self._server: asyncio.Server | None = None
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; again at the same port after `refuse`."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def refuse(self) -> None:
        """Refuse new connections."""
        assert self._server is not None
        self._server.close()
        self._server = None

    def cut(self) -> None:
        """Abort all connections."""
        for pipe in tuple(self._pipes):
            self._abort(pipe)

    def freeze(self) -> None:
        """All connections that there are become half-open; new ones live."""
        for pipe in self._pipes:
            pipe.flowing.clear()

    def bury(self) -> None:
        """What is half-open ends on both sides, as the systems there would have it after a quarter of an hour; and so
        does what went on after a stall."""
        for pipe in tuple(self._pipes):
            if pipe.struck:
                self._abort(pipe)

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self.refuse()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fate = self.fate()
        self.joined += 1
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        pipe = _Pipe(fate, (writer, onward))
        pipe.flowing.set()
        self._pipes.add(pipe)
        self._start(self._pump(pipe, "up", reader, onward))
        self._start(self._pump(pipe, "down", there, writer))

    def _start(self, pump: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(pump)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, pipe: _Pipe, way: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        fate = pipe.fate
        try:
            while data := await reader.read(fate.segment):
                await pipe.flowing.wait()
                if fate.delay:
                    await asyncio.sleep(fate.delay)
                left = fate.after - pipe.gone[way] if fate.end != "none" and way == fate.direction else len(data)
                writer.write(data[: max(0, left)])
                await writer.drain()
                pipe.gone[way] += len(data)
                if left < len(data) and not pipe.struck:
                    self._strike(pipe)
                    await pipe.flowing.wait()
                if left < len(data):
                    writer.write(data[max(0, left) :])
                    await writer.drain()
            with suppress(OSError, RuntimeError):
                writer.write_eof()
        except OSError:
            self._abort(pipe)

    def _strike(self, pipe: _Pipe) -> None:
        pipe.struck = True
        self.strikes += 1
        self.struck.set()
        if pipe.fate.end == "cut":
            self._abort(pipe)
        pipe.flowing.clear()
        if pipe.fate.end == "stall":
            asyncio.get_running_loop().call_later(pipe.fate.seconds, pipe.flowing.set)

    def _abort(self, pipe: _Pipe) -> None:
        self._pipes.discard(pipe)
        for end in pipe.ends:
            end.transport.abort()
        pipe.flowing.set()


@asynccontextmanager
async def chaos(to: int) -> AsyncGenerator[ChaosProxy]:
    """A proxy before the port ``to``, calm until told otherwise."""
    proxy = ChaosProxy(to)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
