"""The journal: a session's events as one JSON object a line, append-only, the truth of it.

Written by the one runner that owns the session. A torn last line (a crash in mid-write) is cut off when the
journal is opened for writing and passed over when it is read; damage anywhere else is an error.

The lines are a chain: each begins with ``prev``, the hash of the line before it, so that a line that was changed or
went missing later is seen. A hash of the last line is a hash of the whole. Journals of versions before that have no
links, and go on with them.
"""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from agent.errors import JournalDamaged
from agent.events import EVENT, AnyEvent, Event

Kind = TypeVar("Kind", bound=Event)
_LINK = b'{"prev":"'
_HASH_BYTES = 16


def read_events(path: Path, after_seq: int = 0) -> Iterator[AnyEvent]:
    """The events with a seq above ``after_seq``, in order; raises `JournalDamaged` on a gap, a repeat or nonsense."""
    expected, before = 1, b""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            if expected > after_seq:
                event = _parse(line, path, expected)
                if event.seq != expected:
                    raise JournalDamaged(f"{path} holds event {event.seq} where {expected} belongs.", seq=expected)
                if not _follows(line, before):
                    raise JournalDamaged(
                        f"Event {expected - 1} of {path} is not what it was when {expected} was written.",
                        seq=expected - 1,
                    )
                yield event
            expected, before = expected + 1, line


def read_head(path: Path, last: int | None = None) -> str:
    """The hash of all events up to the seq ``last``, or of all there are; raises `OSError`."""
    head, seq = b"", 0
    with path.open("rb") as file:
        for line in file:
            if seq == last or not line.endswith(b"\n"):
                break
            head, seq = line, seq + 1
    return _hash(head)


def goes_on_from(path: Path, head: str) -> bool:
    """Whether the journal is the one whose `read_head` was ``head``, or that one with more events. Raises `OSError`."""
    with path.open("rb") as file:
        return head == _hash(b"") or any(_hash(line) == head for line in file)


def find_end(lines: Iterable[bytes]) -> tuple[int, int, str]:
    """How many whole lines a journal has, how many bytes they are, and the hash of the last."""
    count, end, last = 0, 0, b""
    for line in lines:
        if line.endswith(b"\n"):
            count, end, last = count + 1, end + len(line), line
    return count, end, _hash(last)


def link(stamped: Event, head: str) -> bytes:
    """The line of an event that has its seq, time and epoch, to follow the line whose hash is ``head``."""
    return b'%b%b",%b\n' % (_LINK, head.encode(), stamped.model_dump_json().encode().removeprefix(b"{"))


def _hash(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=_HASH_BYTES).hexdigest()


def _follows(line: bytes, before: bytes) -> bool:
    link = line[len(_LINK) : len(_LINK) + 2 * _HASH_BYTES]
    return not line.startswith(_LINK) or link == _hash(before).encode()


def _parse(line: bytes, path: Path, seq: int) -> AnyEvent:
    try:
        return EVENT.validate_json(line)
    except ValidationError as error:
        raise JournalDamaged(f"Line {seq} of {path} is not an event: {error.errors()[0]['msg']}.", seq=seq) from error


class Journal:
    """A journal open for writing: stamps each event with seq, time and epoch, and tells a listener."""

    def __init__(self, path: Path, epoch: int, *, now: Callable[[], float] = time.time) -> None:
        """Open ``path`` at its end, cutting off a torn last line; ``now`` gives Unix time."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._epoch = epoch
        self._now = now
        self._unsure = False
        """Whether the disk has refused to keep what was written: asked again it may say yes, and not have it."""
        self.head_seq, self._head = self._repair()
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def _repair(self) -> tuple[int, str]:
        """Truncate after the last whole line; returns how many lines there are and the hash of the last."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            lines, end, head = find_end(file)
        if os.fstat(self._descriptor).st_size != end:
            os.ftruncate(self._descriptor, end)
        return lines, head

    def append(self, event: Kind) -> Kind:
        """Write one event and return it with its seq, time and epoch. It survives a crash of this process, not yet
        a power cut: see `sync`. Raises `OSError`; nothing is counted then."""
        stamped = event.model_copy(update={"seq": self.head_seq + 1, "at": self._now(), "epoch": self._epoch})
        line = link(stamped, self._head)
        end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, end)
            os.lseek(self._descriptor, end, os.SEEK_SET)
            raise
        self.head_seq += 1
        self._head = _hash(line)
        return stamped

    def sync(self) -> None:
        """Make everything appended so far survive a power cut. Raises `OSError`, and at every later call too."""
        if self._unsure:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._unsure = True
        os.fsync(self._descriptor)
        self._unsure = False

    def close(self) -> None:
        """Sync, unless that has failed before, and close."""
        try:
            if not self._unsure:
                self.sync()
        finally:
            os.close(self._descriptor)
