"""The journal: a session's events as one JSON object a line, append-only, the truth of it.

Written by the one runner that owns the session. A torn last line (a crash in mid-write) is cut off when the
journal is opened for writing and passed over when it is read; damage anywhere else is an error.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from agent.errors import JournalDamaged
from agent.events import EVENT, AnyEvent, Event

Kind = TypeVar("Kind", bound=Event)


def read_events(path: Path, after_seq: int = 0) -> Iterator[AnyEvent]:
    """The events with a seq above ``after_seq``, in order; raises `JournalDamaged` on a gap, a repeat or nonsense."""
    expected = 1
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            if expected > after_seq:
                event = _parse(line, path, expected)
                if event.seq != expected:
                    raise JournalDamaged(f"{path} holds event {event.seq} where {expected} belongs.")
                yield event
            expected += 1


def _parse(line: bytes, path: Path, seq: int) -> AnyEvent:
    try:
        return EVENT.validate_json(line)
    except ValidationError as error:
        raise JournalDamaged(f"Line {seq} of {path} is not an event: {error.errors()[0]['msg']}.") from error


class Journal:
    """A journal open for writing: stamps each event with seq, time and epoch, and tells a listener."""

    def __init__(self, path: Path, epoch: int, *, now: Callable[[], float] = time.time) -> None:
        """Open ``path`` at its end, cutting off a torn last line; ``now`` gives Unix time."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._epoch = epoch
        self._now = now
        self.head_seq = self._repair()
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def _repair(self) -> int:
        """Truncate after the last whole line and return how many lines there are."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            lines, end = 0, 0
            for line in file:
                if line.endswith(b"\n"):
                    lines += 1
                    end += len(line)
        if os.fstat(self._descriptor).st_size != end:
            os.ftruncate(self._descriptor, end)
        return lines

    def append(self, event: Kind) -> Kind:
        """Write one event and return it with its seq, time and epoch. It survives a crash of this process, not yet
        a power cut: see `sync`. Raises `OSError`; nothing is counted then."""
        stamped = event.model_copy(update={"seq": self.head_seq + 1, "at": self._now(), "epoch": self._epoch})
        line = stamped.model_dump_json().encode() + b"\n"
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
        return stamped

    def sync(self) -> None:
        """Make everything appended so far survive a power cut."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        os.close(self._descriptor)
