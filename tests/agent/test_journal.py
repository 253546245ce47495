"""The journal: what is written is read, a torn end is no harm, other damage is told."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import JournalDamaged
from agent.events import AnyEvent, Noted, Prompted, Text
from agent.fold import advance
from agent.journal import Journal, read_events, read_head
from agent.recorder import Recorder
from agent.state import SessionState
from tests.agent.strategies import event_lists


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    path.touch()
    return path


def write(path: Path, *texts: str, epoch: int = 1) -> None:
    journal = Journal(path, epoch, now=lambda: 7.0)
    for text in texts:
        journal.append(Text(text=text))
    journal.close()


def texts(path: Path, after_seq: int = 0) -> list[str]:
    return [event.text for event in read_events(path, after_seq) if isinstance(event, Text)]


def test_stamps_seq_time_and_epoch(path: Path) -> None:
    write(path, "one", epoch=1)
    write(path, "two", epoch=4)
    assert [(e.seq, e.at, e.epoch) for e in read_events(path)] == [(1, 7.0, 1), (2, 7.0, 4)]


def test_reads_after_a_seq(path: Path) -> None:
    write(path, "one", "two", "three")
    assert [texts(path, after) for after in (0, 1, 3, 9)] == [["one", "two", "three"], ["two", "three"], [], []]


@pytest.mark.parametrize("torn", [b'{"kind":"te', b"\0\0\0\0", b'{"kind":"text","text":"two","seq":2}'])
def test_a_torn_last_line_is_passed_over_and_cut(path: Path, torn: bytes) -> None:
    write(path, "one")
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert texts(path) == ["one"]
    assert path.read_bytes() == whole + torn
    write(path, "two")
    assert texts(path) == ["one", "two"]
    assert path.read_bytes().startswith(whole + b'{"')


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ([0, b"garbage\n", 2], "is not an event"),
        ([0, b"\n", 2], "is not an event"),
        ([0, b"\0" * 20 + b"\n", 2], "is not an event"),
        ([0, b'{"kind":"unheard-of","seq":2}\n', 2], "is not what it was when 3 was written"),
        ([0, 2], "holds event 3 where 2 belongs"),
        ([0, 0, 1, 2], "holds event 1 where 2 belongs"),
        ([1, 0, 2], "holds event 2 where 1 belongs"),
    ],
)
def test_damage_elsewhere_is_told(path: Path, damage: list[int | bytes], sentence: str) -> None:
    write(path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[each] if isinstance(each, int) else each for each in damage))
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match=sentence):
        list(read_events(path))
    with pytest.raises(JournalDamaged, match=sentence):
        Recorder(path, 1)
    assert path.read_bytes() == before


def test_an_edit_is_told_by_its_seq(path: Path) -> None:
    write(path, "one", "two", "three")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"two"', b'"TWO"'))
    with pytest.raises(JournalDamaged, match=r"^Event 2 of .* is not what it was when 3 was written"):
        list(read_events(path))
    with pytest.raises(JournalDamaged, match=r"^Event 2 "):
        list(read_events(path, after_seq=2))
    # What a reader has read before is not looked at again.
    assert not list(read_events(path, after_seq=3))


def test_a_hole_is_told_when_the_numbers_are_right_too(path: Path) -> None:
    write(path, "one", "two", "three")
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third.replace(b'"seq":3', b'"seq":2'))
    with pytest.raises(JournalDamaged, match=r"^Event 1 "):
        list(read_events(path))


def test_a_journal_of_a_version_without_links_goes_on_with_them(path: Path) -> None:
    old = [Text(text=text, seq=seq, at=7.0, epoch=1) for seq, text in enumerate(("one", "two"), 1)]
    path.write_bytes(b"".join(each.model_dump_json().encode() + b"\n" for each in old))
    assert list(read_events(path)) == old
    write(path, "three", "four")
    assert texts(path) == ["one", "two", "three", "four"]
    path.write_bytes(path.read_bytes().replace(b'"two"', b'"TWO"'))
    with pytest.raises(JournalDamaged, match=r"^Event 2 "):
        list(read_events(path))


def test_the_head_is_of_everything_before(path: Path) -> None:
    heads = [read_head(path)]
    for text in ("same", "same", "other"):
        write(path, text)
        heads.append(read_head(path))
    assert len(set(heads)) == 4
    assert [read_head(path, last) for last in range(4)] == heads
    path.write_bytes(path.read_bytes() + b'{"torn')
    assert read_head(path) == heads[-1]


@pytest.mark.parametrize("event", [Prompted(prompt_id="p", text="on"), Noted(text="only said")])
async def test_what_others_act_on_is_on_disk_before_they_hear(
    path: Path, monkeypatch: pytest.MonkeyPatch, event: Prompted | Noted
) -> None:
    recorder, order = Recorder(path, 1), list[str]()

    def hear(*_: object) -> None:
        order.append("heard")

    def sync(_: int) -> None:
        order.append("synced")

    recorder.observe(hear)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        recorder.record(event)
    recorder.close()
    assert order == (["synced", "heard"] if isinstance(event, Prompted) else ["heard"])


async def test_a_disk_that_did_not_keep_the_journal_is_not_asked_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, asked = Recorder(path, 1), list[int]()

    def fail(descriptor: int) -> None:
        asked.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            recorder.record(Prompted(prompt_id="p", text="on"))
        recorder.record(Prompted(prompt_id="q", text="more"))
        assert recorder.failure is not None and not await recorder.wait_news(recorder.state.head_seq)
        recorder.close()
    assert len(asked) == 1
    assert [e.seq for e in read_events(path)] == [1]


def fill_disk(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let ``room`` more bytes be written, then no more."""
    write_really, left = os.write, [room]

    def write(descriptor: int, data: bytes) -> int:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write_really(descriptor, data[: left[0]])
        left[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)


@pytest.mark.parametrize("room", [0, 1, 30])
def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    write(path, "one")
    before = path.read_bytes()
    journal = Journal(path, 1)
    with monkeypatch.context() as patch:
        fill_disk(patch, room)
        with pytest.raises(OSError, match="No space left"):
            journal.append(Text(text="two"))
        assert path.read_bytes() == before
    assert journal.append(Text(text="two")).seq == 2
    journal.close()
    assert texts(path) == ["one", "two"]


async def test_a_recorder_whose_journal_cannot_be_written_is_silent_for_good(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(path, 1)
    recorder.record(Noted(text="one"))
    with monkeypatch.context() as patch:
        fill_disk(patch, 5)
        with pytest.raises(OSError, match="No space left"):
            recorder.record(Noted(text="two"))
    recorder.record(Noted(text="three"))
    assert recorder.failure is not None
    assert not await recorder.wait_news(recorder.state.head_seq)
    recorder.close()
    assert [e.seq for e in read_events(path)] == [1]


async def test_streamed_text_becomes_one_event(path: Path) -> None:
    recorder = Recorder(path, 1)
    for piece in ("a", "b", "c"):
        recorder.record(Text(text=piece))
    recorder.record(Noted(text="between"))
    recorder.record(Text(text="d"))
    assert await recorder.wait_news(2)
    recorder.close()
    assert texts(path) == ["abc", "d"]
    assert recorder.state == advance(SessionState(), read_events(path))


def append_all(path: Path, events: list[AnyEvent]) -> None:
    journal = Journal(path, 1, now=lambda: 1.0)
    for event in events:
        journal.append(event)
    journal.close()


@given(event_lists())
def test_any_events_come_back(events: list[AnyEvent]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "journal.jsonl")
        path.touch()
        append_all(path, events)
        stamped = [e.model_copy(update={"seq": n, "at": 1.0, "epoch": 1}) for n, e in enumerate(events, 1)]
        assert list(read_events(path)) == stamped


@settings(max_examples=60)
@given(event_lists(max_size=8), st.data())
def test_cut_anywhere_it_holds_a_prefix_and_goes_on(events: list[AnyEvent], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "journal.jsonl")
        path.touch()
        append_all(path, events)
        whole = list(read_events(path))
        os.truncate(path, data.draw(st.integers(0, path.stat().st_size)))
        kept = list(read_events(path))
        assert kept == whole[: len(kept)]
        append_all(path, [Prompted(prompt_id="p", text="on")])
        assert [e.seq for e in read_events(path)] == list(range(1, len(kept) + 2))
        assert list(read_events(path))[:-1] == kept
