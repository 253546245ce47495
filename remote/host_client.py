"""This side of the host's requests: one long-lived ``castoff-runner host`` on an open connection.

One request costs one round trip; starting the program costs two and a Python start, once.
"""

import asyncio
from typing import Self, TypeVar

from pydantic import ValidationError

from agent.events import Frozen
from agent.sanitise import clean
from remote.bootstrap import Runtime
from remote.channel import Channel, connection_lost
from remote.connection import Connection
from remote.errors import ConnectionLost, HostTimeout, RemoteError
from remote.host_protocol import Reply, Request

Body = TypeVar("Body", bound=Frozen)
_SECONDS = 60.0
_SIGN_SECONDS = 3.0
_LONGEST = 600
"""Characters of a host's sentence that are shown."""


class HostClient:
    """Asks one host. Use it as an async context manager; requests go one at a time."""

    def __init__(self, connection: Connection, runtime: Runtime) -> None:
        self.connection = connection
        self.runtime = runtime
        self._channel: Channel | None = None
        self._signs: asyncio.Task[None] | None = None
        self._asking = asyncio.Lock()

    async def ask(self, request: Request, body: type[Body], *, timeout: float = _SECONDS) -> Body:
        """Ask and return the answer's body; raises `RemoteError` with the host's sentence, `ConnectionLost`."""
        async with self._asking:
            try:
                async with asyncio.timeout(timeout):
                    line = await self._exchange(request.model_dump_json().encode() + b"\n")
            except TimeoutError as error:
                await self.close()
                raise HostTimeout(f"{self.connection.name} did not answer within {timeout:g} seconds.") from error
            except BaseException:
                # An answer that is still under way must never be taken for the next one's.
                await self.close()
                raise
        return self._read(line, body)

    async def _exchange(self, line: bytes) -> bytes:
        if self._channel is None:
            self._channel = await self.connection.open(runner_command(self.runtime, "host"))
            self._signs = asyncio.create_task(_give_signs(self._channel), name="signs of life to a host")
        self._channel.writer.write(line)
        await self._channel.writer.drain()
        answer = await self._channel.reader.readline()
        if not answer.endswith(b"\n"):
            said = self._channel.stderr_tail.strip().splitlines()
            status = await self._channel.wait()
            if status == 0 and not said:
                # Its input had ended, or it had heard nothing for long, as of a machine that slept: ask another one.
                raise connection_lost(self.connection.name)
            last = said[-1] if said else "it said nothing"
            raise RemoteError(f"castoff's runtime on {self.connection.name} ended with status {status}: {last}.")
        return answer

    def _read(self, line: bytes, body: type[Body]) -> Body:
        try:
            reply = Reply.model_validate_json(line)
            if reply.ok:
                return body.model_validate(reply.body)
        except ValidationError as error:
            raise RemoteError(
                f"{self.connection.name} answered what this castoff does not understand.",
                "castoff host setup installs the same version there.",
                code="protocol",
            ) from error
        # Whatever a host says, it is one line of a length that a user can read.
        sentence, way_out = _shorten(reply.sentence), _shorten(reply.way_out)
        raise RemoteError(sentence or f"{self.connection.name} refused.", way_out, code=_shorten(reply.code, 50))

    async def close(self) -> None:
        """End the program there."""
        channel, self._channel = self._channel, None
        if self._signs is not None:
            self._signs.cancel()
            await asyncio.wait([self._signs])
            self._signs = None
        if channel is not None:
            async with channel:
                pass

    async def __aenter__(self) -> Self:
        """Closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close, whatever happened."""
        await self.close()


async def _give_signs(channel: Channel) -> None:
    """An empty line now and then: a link that died in silence the host cannot tell from one without requests."""
    try:
        while True:
            await asyncio.sleep(_SIGN_SECONDS)
            channel.writer.write(b"\n")
    except ConnectionLost:
        return


def _shorten(text: str, limit: int = _LONGEST) -> str:
    text = clean(text[: 4 * limit].strip(), single_line=True)
    return text if len(text) <= limit else f"{text[:limit]}…"


def runner_command(runtime: Runtime, *words: str) -> list[str]:
    """The argument list that runs ``castoff-runner WORDS`` in a host's runtime."""
    return [str(runtime.python), "-I", "-m", "remote.runner_cli", *words]
