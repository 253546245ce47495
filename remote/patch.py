"""A few changes of a tree in one request: packed where it is, applied where it is sent to.

For a tree that the other side says it has but for these changes; rsync would look at every file on both sides and
wait half a dozen round trips. Whatever is not as expected there ends it, and rsync puts everything right.
"""

import base64
import itertools
import os
import tempfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.events import Frozen
from snapshot.beneath import Beneath
from snapshot.digest import read_file
from snapshot.manifest import Entry, time_counts
from snapshot.place import Source, at, open_root
from snapshot.transition import Step, change_tree

MOST_BYTES = 2 << 20
"""Bytes of all changed files: more is what rsync is good at, which also sends parts of files."""
MOST_STEPS = 200
"""Each is synced by itself there."""


class Change(Frozen):
    """A path before and after; ``None`` is nothing."""

    before: Entry | None
    after: Entry | None

    @property
    def step(self) -> Step:
        """As `snapshot.transition` wants it."""
        entry = self.after or self.before
        assert entry is not None, "one of both is there"
        return Step(entry.path, self.before, self.after)

    @property
    def carried(self) -> int:
        """How many bytes of the file travel."""
        if self.after is None or self.after.type != "file":
            return 0
        known = self.before is not None and self.before.type == "file" and self.before.digest == self.after.digest
        return 0 if known else self.after.size


class Changes(Frozen):
    """``content`` is the bytes of all files that travel, one after the other, by zlib and base64."""

    changes: tuple[Change, ...]
    content: str

    @property
    def carried(self) -> int:
        """Bytes of all files that travel."""
        return sum(change.carried for change in self.changes)


def pack_changes(steps: Sequence[Step], tree: Path, overlay: Path | None) -> Changes | None:
    """The changes with the bytes of their files, from ``overlay`` where they are there; ``None`` if they are too many
    or a file is no longer as it was captured."""
    if len(steps) > MOST_STEPS:
        return None
    changes = [Change(before=step.before, after=step.after) for step in steps]
    if sum(change.carried for change in changes) > MOST_BYTES:
        return None
    try:
        with Beneath(tree) as inside:
            loaded = [_load(change, inside, overlay) for change in changes]
    except OSError:
        return None
    if any(len(piece) != change.carried for change, piece in loaded):
        return None
    content = base64.b64encode(zlib.compress(b"".join(piece for _, piece in loaded), 1)).decode()
    return Changes(changes=tuple(change for change, _ in loaded), content=content)


def _load(change: Change, inside: Beneath, overlay: Path | None) -> tuple[Change, bytes]:
    """The change with the time that its file shall have there, and the bytes that travel. Raises `OSError`."""
    entry = change.after
    if entry is None or entry.type != "file":
        return change, b""
    where, name = inside.at(entry.path)
    if overlay is not None and (replaced := overlay / entry.path).exists():
        where, name = None, str(replaced)
    data = read_file(name, where) if change.carried else b""
    if time_counts(entry.path):
        return change, data
    mtime_ns = os.stat(name, dir_fd=where, follow_symlinks=False).st_mtime_ns
    return change.model_copy(update={"after": entry.model_copy(update={"mtime_ns": mtime_ns})}), data


def apply_changes(tree: Path, packed: Changes) -> None:
    """Carry them out; raises `SnapshotError` when ``tree`` is not as expected, and then some may have been made."""
    steps = [change.step for change in packed.changes]
    change_tree(tree, steps, _Carried(packed))
    with open_root(tree) as root:
        for step in steps:
            if step.after is not None and step.after.type == "file":
                with at(root, step.path) as (where, name):
                    times = (step.after.mtime_ns, step.after.mtime_ns)
                    os.utime(name, ns=times, dir_fd=where, follow_symlinks=False)


class _Carried(Source):
    """The bytes that came with the changes, by number of the step."""

    def __init__(self, packed: Changes) -> None:
        super().__init__(Path("/nonexistent"))
        self._content = zlib.decompress(base64.b64decode(packed.content))
        sizes = [change.carried for change in packed.changes]
        self._places = list(itertools.pairwise(itertools.accumulate(sizes, initial=0)))

    @contextmanager
    def opened(self, number: int, path: str) -> Generator[int]:
        """An open file with the bytes of one step."""
        with tempfile.TemporaryFile() as file:
            file.write(self._content[slice(*self._places[number])])
            file.seek(0)
            yield file.fileno()
