"""The runner's side of the control protocol, over any pair of streams.

Events are sent from the journal file itself, so that a slow viewer costs no memory and what a viewer gets is
what is on disk.
"""

import asyncio
import math
import os
from collections.abc import Awaitable, Callable
from typing import BinaryIO

from pydantic import ValidationError

from agent.children import ends_within
from agent.errors import AgentError
from agent.events import Frozen
from agent.messages import (
    CLIENT_MESSAGE,
    HEARTBEAT_SECONDS,
    OLDEST,
    VERSION,
    Command,
    Done,
    Heartbeat,
    Hello,
    Named,
    Refused,
    Welcome,
    choose_version,
)
from agent.recorder import Recorder

LINE_LIMIT = 64 << 20
_BATCH_BYTES = 256 << 10
_CLOSE_SECONDS = 5.0
_HELLO_SECONDS = 20.0

Handler = Callable[[Command], Awaitable[None]]


class ViewerSession:
    """One attached viewer: reads its commands, sends it events, heartbeats and answers."""

    def __init__(
        self,
        recorder: Recorder,
        session_id: str,
        handle: Handler,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._recorder = recorder
        self._session_id = session_id
        self._handle = handle
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.Lock()
        self._sent = asyncio.Condition()
        self._sent_seq: float = 0

    async def serve(self) -> None:
        """Serve until the viewer goes away or breaks the protocol."""
        try:
            hello = await self._greet()
            if hello is None:
                return
            async with asyncio.TaskGroup() as tasks:
                events = tasks.create_task(self._send_events(hello.after_seq))
                commands = tasks.create_task(self._read_commands(tasks))
                beat = tasks.create_task(self._beat())
                await asyncio.wait((events, commands), return_when=asyncio.FIRST_COMPLETED)
                # Commands being carried out are not cancelled: a drain's answer still goes out.
                for stream in (events, commands, beat):
                    stream.cancel()
        except* ConnectionError:
            pass
        finally:
            await self._close()

    async def _close(self) -> None:
        """Hang up; a viewer that does not take what is left gets `_CLOSE_SECONDS`."""
        self._writer.close()
        try:
            if not await ends_within(_CLOSE_SECONDS, self._writer.wait_closed()):
                self._writer.transport.abort()
        except ConnectionError:
            return

    async def _greet(self) -> Hello | None:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                line = await self._read_line()
        except TimeoutError:
            return None  # whoever says nothing is no viewer, and keeps no idle runner from its end
        try:
            hello = CLIENT_MESSAGE.validate_json(line)
        except ValidationError:
            await self._send(Refused(id="", code="protocol", reason="The first message must be hello."))
            return None
        if not isinstance(hello, Hello):
            await self._send(Refused(id="", code="protocol", reason="The first message must be hello."))
            return None
        version = choose_version(hello)
        if version is None:
            await self._send(Refused(id="", code="version", reason=_explain_versions(hello)))
            return None
        state = self._recorder.state
        if hello.after_seq > state.head_seq:
            reason = f"This journal ends at event {state.head_seq}, before what you hold: begin anew from its start."
            await self._send(Refused(id="", code="ahead", reason=reason))
            return None
        await self._send(
            Welcome(
                version=version,
                session_id=self._session_id,
                epoch=self._recorder.epoch,
                head_seq=state.head_seq,
                phase=state.phase,
            )
        )
        return hello

    async def _read_commands(self, tasks: asyncio.TaskGroup) -> None:
        while line := await self._read_line():
            try:
                command = CLIENT_MESSAGE.validate_json(line)
            except ValidationError as error:
                await self._send(_refuse(line, error))
                continue
            if not isinstance(command, Hello):
                # A drain takes its time; other commands must not wait for it.
                tasks.create_task(self._carry_out(command))

    async def _read_line(self) -> bytes:
        try:
            return await self._reader.readline()
        except ValueError as error:
            raise ConnectionAbortedError("The viewer sent a line beyond all measure.") from error

    async def _carry_out(self, command: Command) -> None:
        try:
            await self._handle(command)
        except AgentError as error:
            await self._send(Refused(id=command.id, code=error.code, reason=str(error)))
            return
        # What the command brought about is seen before its answer.
        head_seq = self._recorder.state.head_seq
        async with self._sent:
            await self._sent.wait_for(lambda: self._sent_seq >= head_seq)
        await self._send(Done(id=command.id))

    async def _send_events(self, after_seq: int) -> None:
        try:
            with self._recorder.path.open("rb") as journal:
                for _ in range(after_seq):
                    journal.readline()
                await self._follow(journal, after_seq)
        finally:
            await self._count_sent(math.inf)

    async def _follow(self, journal: BinaryIO, sent: int) -> None:
        """Send the lines of ``journal`` from where it stands, which is after event ``sent``, until it is closed."""
        await self._count_sent(sent)
        while await self._recorder.wait_news(sent):
            while batch := _read_batch(journal, self._recorder.state.head_seq - sent):
                sent += len(batch)
                await self._send_raw(b"".join(b'{"type":"event","event":%b}\n' % line for line in batch))
                await self._count_sent(sent)

    async def _count_sent(self, seq: float) -> None:
        async with self._sent:
            self._sent_seq = seq
            self._sent.notify_all()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            state = self._recorder.state
            await self._send(Heartbeat(head_seq=state.head_seq, epoch=self._recorder.epoch, phase=state.phase))

    async def _send(self, message: Frozen) -> None:
        await self._send_raw(message.model_dump_json().encode() + b"\n")

    async def _send_raw(self, data: bytes) -> None:
        async with self._sending:
            self._writer.write(data)
            await self._writer.drain()


def _refuse(line: bytes, error: ValidationError) -> Refused:
    """The answer to what is no command of this version: by its id, so that whoever sent it does not wait."""
    try:
        named = Named.model_validate_json(line)
    except ValidationError:
        return Refused(id="", code="protocol", reason=error.errors()[0]["msg"])
    if error.errors()[0]["type"] != "union_tag_invalid":
        return Refused(id=named.id, code="protocol", reason=error.errors()[0]["msg"])
    reason = (
        f"This session's runner is of an older castoff and does not know the command {named.type[:40]!r}. It keeps its "
        f"version until it ends; ended (kill {os.getpid()} on its machine), it is taken up by the newer one."
    )
    return Refused(id=named.id, code="unknown-command", reason=reason)


def _explain_versions(hello: Hello) -> str:
    if hello.version > VERSION:
        return (
            f"This session's runner is of an older castoff and speaks control protocol {VERSION}; yours begins at "
            f"{hello.version}. It keeps its version until it ends: use the older castoff with it, or end it "
            f"(kill {os.getpid()} on its machine), and yours takes the session up."
        )
    return (
        f"This session's runner is of a newer castoff, whose control protocol begins at {OLDEST}; yours ends at "
        f"{hello.version}. Update castoff here; the runner goes on meanwhile."
    )


def _read_batch(journal: BinaryIO, most: int) -> list[bytes]:
    """The next whole lines of the journal, ``most`` at most and about `_BATCH_BYTES` together."""
    lines: list[bytes] = []
    size = 0
    while len(lines) < most and size < _BATCH_BYTES:
        line = journal.readline()
        lines.append(line.rstrip(b"\n"))
        size += len(line)
    return lines
