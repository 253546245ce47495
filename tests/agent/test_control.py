"""The control protocol over a real unix socket: what a viewer gets, and what it is refused."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import server as server_module
from agent.errors import CommandRefused, LinkCut, ViewerGone
from agent.events import AnyEvent, Noted, Prompted, Text
from agent.journal import read_events
from agent.messages import Command, Hello, Occurred, Prompt, Resume, Welcome
from agent.paths import short_socket_path
from agent.recorder import Recorder
from agent.server import LINE_LIMIT, ViewerSession
from agent.viewer import Viewer, attach

DEADLINE = 20.0


class Control:
    """A server of the protocol around a recorder; ``handle`` is what carries commands out."""

    def __init__(self, recorder: Recorder, socket: Path, handle: Callable[[Command], Awaitable[None]]) -> None:
        self.recorder = recorder
        self.socket = socket
        self.handle = handle
        self.sessions: set[asyncio.Task[None]] = set()

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.sessions.add(task)
        await ViewerSession(self.recorder, "session", lambda c: self.handle(c), reader, writer).serve()
        self.sessions.discard(task)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.socket, limit=LINE_LIMIT)

    async def attach(self, after_seq: int = 0) -> Viewer:
        reader, writer = await self.connect()
        try:
            return await attach(reader, writer, after_seq)
        except CommandRefused:
            writer.close()
            raise

    def note(self, *texts: str) -> None:
        for text in texts:
            self.recorder.record(Noted(text=text))

    async def talk(self, *lines: bytes) -> AsyncGenerator[dict[str, Any]]:
        """Send raw lines and yield what comes back until the server hangs up."""
        reader, writer = await self.connect()
        writer.write(b"".join(line + b"\n" for line in lines))
        try:
            async with asyncio.timeout(DEADLINE):
                while line := await reader.readline():
                    yield json.loads(line)
        finally:
            writer.close()


@pytest.fixture
async def control(own_recorder: Recorder, tmp_path: Path) -> AsyncIterator[Control]:
    async def handle(command: Command) -> None:
        match command:
            case Prompt():
                own_recorder.record(Prompted(prompt_id=command.id, text=command.text))
            case Resume():
                raise CommandRefused("There is nothing to resume.", code="nothing")
            case _:
                return

    control = Control(own_recorder, short_socket_path(tmp_path / "runner.sock"), handle)
    async with await asyncio.start_unix_server(control.welcome, path=control.socket, limit=LINE_LIMIT):
        yield control
        own_recorder.close()
        if control.sessions:
            await asyncio.wait(control.sessions, timeout=DEADLINE)
    control.socket.unlink(missing_ok=True)


@asynccontextmanager
async def attached(control: Control, after_seq: int = 0) -> AsyncGenerator[Viewer]:
    viewer = await control.attach(after_seq)
    try:
        yield viewer
    finally:
        await viewer.close()


async def take(viewer: Viewer, last_seq: int) -> list[AnyEvent]:
    """The viewer's events up to ``last_seq``."""
    events: list[AnyEvent] = []
    async with asyncio.timeout(DEADLINE):
        async for batch in viewer.batches():
            events += batch
            if events[-1].seq >= last_seq:
                break
    return events


async def take_all(viewer: Viewer) -> tuple[list[AnyEvent], str]:
    """Everything the viewer gets, and why it ended."""
    events: list[AnyEvent] = []
    try:
        async with asyncio.timeout(DEADLINE):
            async for batch in viewer.batches():
                events += batch
    except ViewerGone as error:
        return events, str(error)
    raise AssertionError("batches ended without a word")


def seqs(events: list[AnyEvent]) -> list[int]:
    return [event.seq for event in events]


async def test_catch_up_then_live_without_gap_or_repeat(control: Control) -> None:
    control.note("one", "two", "three")
    async with attached(control) as viewer:
        assert (viewer.welcome.head_seq, viewer.welcome.session_id, viewer.welcome.epoch) == (3, "session", 1)
        control.note("four")
        assert seqs(await take(viewer, 4)) == [1, 2, 3, 4]
        control.note("five", "six")
        events = await take(viewer, 6)
        assert seqs(events) == [5, 6]
        assert events == list(read_events(control.recorder.path, 4))


async def test_events_are_as_on_disk(control: Control) -> None:
    control.recorder.record(Text(text='a\u2028b\n"ä\x00'))
    control.note("end")
    async with attached(control) as viewer:
        assert await take(viewer, 2) == list(read_events(control.recorder.path))


@pytest.mark.parametrize("after_seq", [0, 1, 3])
async def test_only_what_comes_after_a_seq(control: Control, after_seq: int) -> None:
    control.note("one", "two", "three")
    async with attached(control, after_seq) as viewer:
        control.note("four")
        assert seqs(await take(viewer, 4)) == list(range(after_seq + 1, 5))


async def test_a_viewer_that_holds_more_than_the_journal_is_refused(control: Control) -> None:
    control.note("one")
    with pytest.raises(CommandRefused, match="ends at event 1") as refused:
        await control.attach(2)
    assert refused.value.code == "ahead"


async def test_two_viewers_see_the_same(control: Control) -> None:
    async with attached(control) as one, attached(control) as two:
        for number in range(50):
            await (one, two)[number % 2].prompt(str(number))
        first, second = await take(one, 50), await take(two, 50)
    assert first == second
    assert seqs(first) == list(range(1, 51))


async def test_a_slow_viewer_gets_everything_and_holds_up_nobody(control: Control) -> None:
    big = "x" * 100_000
    reader, writer = await control.connect()
    writer.write(Hello().model_dump_json().encode() + b"\n")
    assert b"welcome" in await reader.readline()
    async with attached(control) as quick:
        for _ in range(200):
            control.note(big)
        assert seqs(await take(quick, 200)) == list(range(1, 201))
    got: list[int] = []
    async with asyncio.timeout(DEADLINE):
        while len(got) < 200:
            message = json.loads(await reader.readline())
            if message["type"] == "event":
                got.append(message["event"]["seq"])
    writer.close()
    assert got == list(range(1, 201))


async def test_a_command_is_answered_after_its_events(control: Control) -> None:
    messages = control.talk(
        Hello().model_dump_json().encode(),
        *(Prompt(id=str(n), text="x" * 1000).model_dump_json().encode() for n in range(20)),
    )
    seen: list[tuple[str, str]] = []
    async for message in messages:
        if message["type"] == "event":
            seen.append(("event", message["event"]["prompt_id"]))
        elif message["type"] == "ok":
            seen.append(("ok", message["id"]))
        if len(seen) == 40:
            break
    assert all(seen.index(("event", str(n))) < seen.index(("ok", str(n))) for n in range(20))
    await messages.aclose()


async def test_a_refused_command_says_why_and_the_viewer_goes_on(control: Control) -> None:
    async with attached(control) as viewer:
        with pytest.raises(CommandRefused, match="nothing to resume") as refused:
            await viewer.resume()
        assert refused.value.code == "nothing"
        await viewer.prompt("go")
        assert seqs(await take(viewer, 1)) == [1]


async def test_a_slow_command_does_not_hold_up_others(control: Control) -> None:
    release = asyncio.Event()
    handle = control.handle

    async def handle_slowly(command: Command) -> None:
        if command.type == "drain":
            await release.wait()
        await handle(command)

    control.handle = handle_slowly
    async with attached(control) as viewer:
        drain = asyncio.create_task(viewer.drain(1.0))
        await viewer.prompt("go")
        assert not drain.done()
        release.set()
        await drain


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"type":"hello","version":99}', "version"),
        (b'{"type":"hello","after_seq":-1}', "protocol"),
        (b'{"type":"prompt","id":"1","text":"x"}', "protocol"),
        (b"garbage", "protocol"),
        (b"", "protocol"),
        (b"\xff\x00", "protocol"),
        (b"[]", "protocol"),
    ],
)
async def test_a_bad_greeting_is_refused_in_a_sentence(control: Control, line: bytes, code: str) -> None:
    (message,) = [m async for m in control.talk(line)]
    assert (message["type"], message["code"]) == ("error", code)
    assert message["reason"].endswith(".")


async def test_an_unknown_command_is_refused_and_the_session_goes_on(control: Control) -> None:
    hello = Hello().model_dump_json().encode()
    lines = (b'{"type":"dance","id":"1"}', b"nonsense", b'{"type":"prompt","id":"2","text":"x","new_field":1}')
    messages: list[dict[str, Any]] = []
    async for message in control.talk(hello, *lines):
        messages.append(message)
        if message["type"] == "ok":
            break
    errors = [(m["code"], m["id"]) for m in messages if m["type"] == "error"]
    assert errors == [("unknown-command", "1"), ("protocol", "")]
    assert messages[-1]["id"] == "2"


async def test_what_is_no_runner_is_told(tmp_path: Path) -> None:
    answers = iter([b"SSH-2.0-OpenSSH\n", b"", b'{"type":"heartbeat","head_seq":0,"epoch":1,"phase":"idle"}\n'])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(next(answers))
        await writer.drain()
        writer.close()

    socket = short_socket_path(tmp_path / "other.sock")
    async with await asyncio.start_unix_server(answer, path=socket):
        for sentence in ("is not a castoff runner", "ended before it answered", "is not a castoff runner"):
            reader, writer = await asyncio.open_unix_connection(socket)
            with pytest.raises(ViewerGone, match=sentence):
                await attach(reader, writer)
            writer.close()


async def test_heartbeats_say_how_far_the_journal_goes(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEARTBEAT_SECONDS", 0.01)
    control.note("one")
    beats: list[dict[str, Any]] = []
    async for message in control.talk(Hello(after_seq=1).model_dump_json().encode()):
        if message["type"] == "heartbeat":
            beats.append(message)
            if len(beats) == 1:
                control.note("two")
        if len(beats) > 1 and beats[-1]["head_seq"] == 2:
            break
    assert beats[0] == {"type": "heartbeat", "head_seq": 1, "epoch": 1, "phase": "starting"}


async def test_the_last_events_are_seen_and_then_the_end(control: Control) -> None:
    control.note("one")
    async with attached(control) as viewer:
        await take(viewer, 1)
        control.note("two", "three")
        control.recorder.close()
        events, why = await take_all(viewer)
        assert (seqs(events), why) == ([2, 3], "The runner has ended.")
        with pytest.raises(ViewerGone):
            await viewer.prompt("more")
        assert await take_all(viewer) == ([], "The runner has ended.")


async def test_a_command_that_waits_when_the_runner_dies_is_told(tmp_path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(Welcome(session_id="s", epoch=1, head_seq=0, phase="idle").model_dump_json().encode() + b"\n")
        await reader.readline()
        writer.close()

    socket = short_socket_path(tmp_path / "dying.sock")
    async with await asyncio.start_unix_server(die, path=socket):
        viewer = await attach(*await asyncio.open_unix_connection(socket))
        with pytest.raises(ViewerGone, match="The runner has ended"):
            await viewer.prompt("go")
        await viewer.close()


@pytest.mark.parametrize("second", [1, 3])
async def test_a_runner_that_repeats_or_leaves_out_an_event_is_not_believed(tmp_path: Path, second: int) -> None:
    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(Welcome(session_id="s", epoch=1, head_seq=3, phase="idle").model_dump_json().encode() + b"\n")
        for seq in (1, second):
            event = Occurred(event=Noted(seq=seq, text="x"))
            writer.write(event.model_dump_json().encode() + b"\n")
        writer.close()

    socket = short_socket_path(tmp_path / "wrong.sock")
    async with await asyncio.start_unix_server(tell, path=socket):
        viewer = await attach(*await asyncio.open_unix_connection(socket))
        events, why = await take_all(viewer)
        assert (seqs(events), why) == ([1], f"The runner sent event {second} where 2 belongs.")
        await viewer.close()


async def test_a_cut_link_is_told_from_a_runner_that_ended() -> None:
    class Broken:
        def __init__(self, error: Exception) -> None:
            self.error = error
            self.lines = [Welcome(session_id="s", epoch=1, head_seq=0, phase="idle").model_dump_json().encode() + b"\n"]

        async def readline(self) -> bytes:
            if self.lines:
                return self.lines.pop()
            raise self.error

        def write(self, data: bytes, /) -> None: ...

        async def drain(self) -> None: ...

        def close(self) -> None: ...

    for error, kind, says in (
        (ConnectionResetError("gone"), LinkCut, "The link to the runner is cut: gone."),
        (EOFError("The run is not here."), ViewerGone, "The run is not here."),
    ):
        for welcomed in (True, False):
            stream = Broken(error)
            if not welcomed:
                stream.lines.clear()
            with pytest.raises(ViewerGone) as told:
                viewer = await attach(stream, stream)
                async for _ in viewer.batches():
                    pass
            assert (type(told.value), str(told.value)) == (kind, says)


async def test_a_viewer_that_goes_away_disturbs_nobody(control: Control) -> None:
    async with attached(control) as stays:
        leaves = await control.attach()
        await leaves.prompt("one")
        await leaves.close()
        await stays.prompt("two")
        assert seqs(await take(stays, 2)) == [1, 2]
        async with asyncio.timeout(DEADLINE):
            while len(control.sessions) > 1:
                await asyncio.wait(control.sessions, timeout=0.01)


async def test_a_viewer_that_reads_nothing_does_not_keep_the_runner(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_CLOSE_SECONDS", 0.1)
    reader, writer = await asyncio.open_unix_connection(control.socket, limit=1000)
    writer.write(Hello().model_dump_json().encode() + b"\n")
    assert b"welcome" in await reader.readline()
    # More than sockets and buffers hold.
    control.note(*["x" * 100_000] * 50)
    (session,) = control.sessions
    await asyncio.wait((session,), timeout=0.2)
    session.cancel()
    await asyncio.wait((session,), timeout=DEADLINE)
    assert session.done()
    writer.close()


async def test_a_line_beyond_all_measure_ends_the_viewer_alone(control: Control, tmp_path: Path) -> None:
    socket = short_socket_path(tmp_path / "small.sock")
    async with await asyncio.start_unix_server(control.welcome, path=socket, limit=1000):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(Hello().model_dump_json().encode() + b"\n" + b"x" * 5000 + b"\n")
        async with asyncio.timeout(DEADLINE):
            assert b"welcome" in await reader.readline()
            assert await reader.read() == b""
        writer.close()
