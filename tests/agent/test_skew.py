"""Two versions of castoff on one session: what the other one adds is passed over, what it changed is said."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import messages, server
from agent.durable import FORMAT, read_model, write_model
from agent.errors import CommandRefused, JournalDamaged, RecordNewer, ViewerGone
from agent.events import EVENT, KINDS, Noted, Unknown
from agent.fold import advance
from agent.journal import Journal, read_events
from agent.lease import Tenure, change_lease, firm_lease, update_lease
from agent.messages import CLIENT_MESSAGE, SERVER_MESSAGE, Hello, Other, choose_version
from agent.protocol import Lease, reclaim
from agent.recorder import Recorder
from agent.server import ViewerSession
from agent.sessions import SessionDir, open_session
from agent.state import SessionState
from agent.viewer import attach

NEWER = {"format": FORMAT + 1, "epoch": 7, "state": "shared", "between": ["here", "vm"]}


def note(recorder: Recorder, *texts: str) -> None:
    for text in texts:
        recorder.record(Noted(text=text))


def newer_journal(session: SessionDir) -> bytes:
    """A journal that a newer version wrote: with a kind and with fields that this one does not know."""
    journal = Journal(session.journal, 1)
    journal.append(Noted(text="one"))
    journal.append(Unknown.model_validate({"kind": "weighed", "grams": 12, "by": {"whom": "a newer one"}}))
    journal.append(EVENT.validate_python({"kind": "note", "text": "three", "shade": "blue"}))
    journal.close()
    return session.journal.read_bytes()


def test_unknown_kinds_and_fields_are_kept_and_skipped(own_session: SessionDir) -> None:
    before = newer_journal(own_session)
    assert b'"grams":12' in before
    events = list(read_events(own_session.journal))
    assert [event.kind for event in events] == ["note", "weighed", "note"]
    state = advance(SessionState(), events)
    assert state.head_seq == 3 and len(state.blocks) == 2
    recorder = Recorder(own_session.journal, 1)
    note(recorder, "four")
    recorder.close()
    assert own_session.journal.read_bytes().startswith(before)
    assert [event.seq for event in read_events(own_session.journal)] == [1, 2, 3, 4]
    # Told to programs, it is told whole.
    assert json.loads(events[1].model_dump_json())["by"] == {"whom": "a newer one"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_broken_event_is_not_taken_for_a_newer_one(own_session: SessionDir, kind: str) -> None:
    own_session.journal.write_text(json.dumps({"kind": kind, "seq": "the first"}) + "\n")
    with pytest.raises(JournalDamaged, match="is not an event"):
        list(read_events(own_session.journal))


@pytest.mark.parametrize(
    ("hello", "ours", "chosen"),
    [
        ({}, (1, 1), 1),
        ({"version": 1}, (1, 3), 1),  # a viewer from before there was a range
        ({"version": 1, "newest": 2}, (1, 1), 1),
        ({"version": 1, "newest": 5}, (1, 3), 3),
        ({"version": 2, "newest": 5}, (1, 1), None),
        ({"version": 1, "newest": 1}, (2, 3), None),
        ({"version": 1}, (2, 3), None),
    ],
)
def test_the_newest_protocol_that_both_speak(
    monkeypatch: pytest.MonkeyPatch, hello: dict[str, int], ours: tuple[int, int], chosen: int | None
) -> None:
    monkeypatch.setattr(messages, "OLDEST", ours[0])
    monkeypatch.setattr(messages, "VERSION", ours[1])
    said = CLIENT_MESSAGE.validate_json(json.dumps({"type": "hello", **hello}))
    assert isinstance(said, Hello)
    assert choose_version(said) == chosen


def test_a_message_of_another_type_is_passed_over_but_not_a_broken_one() -> None:
    assert isinstance(SERVER_MESSAGE.validate_json(b'{"type":"weather","rain":true}'), Other)
    for line in (b'{"type":"welcome"}', b'{"type":"event","event":{"kind":"text"}}', b'{"rain":true}'):
        with pytest.raises(ValueError, match="validation error"):
            SERVER_MESSAGE.validate_json(line)


@pytest.fixture
def rewritten(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The range that the runner speaks, to be set."""
    span: list[tuple[int, int]] = []

    def choose(hello: Hello) -> int | None:
        monkeypatch.setattr(server, "OLDEST", span[0][0])
        monkeypatch.setattr(server, "VERSION", span[0][1])
        monkeypatch.setattr(messages, "OLDEST", span[0][0])
        monkeypatch.setattr(messages, "VERSION", span[0][1])
        return choose_version(hello)

    monkeypatch.setattr(server, "choose_version", choose)
    yield span


@pytest.mark.parametrize(
    ("span", "ours", "sentence"),
    [
        (
            (1, 1),
            (2, 3),
            r"older castoff and speaks control protocol 1; yours begins at 2\. .*kill \d+ on its machine",
        ),
        ((4, 5), (1, 1), r"newer castoff, whose control protocol begins at 4; yours ends at 1\. Update castoff here"),
    ],
)
async def test_no_protocol_in_common_is_told_with_what_to_do(
    own_recorder: Recorder,
    tmp_path: Path,
    rewritten: list[tuple[int, int]],
    span: tuple[int, int],
    ours: tuple[int, int],
    sentence: str,
) -> None:
    rewritten.append(span)
    socket = tmp_path / "s"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ViewerSession(own_recorder, "s", lambda _: asyncio.sleep(0), reader, writer).serve()

    async with await asyncio.start_unix_server(serve, path=socket):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(Hello(version=ours[0], newest=ours[1]).model_dump_json().encode() + b"\n")
        refused = json.loads(await reader.readline())
        writer.close()
    assert refused["code"] == "version"
    with pytest.raises(CommandRefused, match=sentence):
        raise CommandRefused(refused["reason"])


async def test_a_viewer_takes_no_protocol_that_it_does_not_speak(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"type":"welcome","version":9,"session_id":"s","epoch":1,"head_seq":0,"phase":"idle"}\n')
        writer.close()

    async with await asyncio.start_unix_server(serve, path=tmp_path / "s"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        with pytest.raises(ViewerGone):
            await attach(reader, writer)
        writer.close()


@pytest.mark.parametrize("name", ["lease.json", "session.json"])
async def test_a_record_of_a_newer_format_is_refused_and_never_written_over(own_session: SessionDir, name: str) -> None:
    record = own_session.path / name
    record.write_text(json.dumps(NEWER))
    before = record.read_bytes()
    with pytest.raises(RecordNewer, match=r"written by a newer castoff, in format 2; this one knows 1") as refused:
        open_session(own_session.path)
        firm_lease(own_session)
    assert "Update castoff" in refused.value.way_out
    if name == "lease.json":
        with pytest.raises(RecordNewer):
            update_lease(own_session, reclaim)
        with pytest.raises(RecordNewer):
            change_lease(own_session.path, lambda _: Lease(epoch=9))
        with pytest.raises(RecordNewer):
            Tenure(own_session.path, 1).holds()
    assert record.read_bytes() == before


def test_records_say_their_format_and_older_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    write_model(path, Lease(epoch=3, state="away", to="vm"))
    assert json.loads(path.read_bytes())["format"] == FORMAT
    path.write_text('{"epoch": 3, "state": "away", "to": "vm", "tomorrow": 1}')
    assert read_model(path, Lease) == Lease(epoch=3, state="away", to="vm")
