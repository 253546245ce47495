"""Merging texts three-way with git's own merge, in a private folder; and keeping all versions of a conflict there."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.errors import GitFailed, TreeChanged
from snapshot.git import OWN_CONFIG, git
from snapshot.manifest import Entry
from snapshot.merge import Conflict, Merged
from snapshot.place import READ, at, open_root

LARGEST_TEXT = 8 << 20
"""Bytes; larger files are not merged line by line."""

_PROBE = 8000
"""Git takes a file with a NUL byte among so many first ones for binary."""
_SECONDS = 60.0
_BLOCK = 1 << 20


class Folders(NamedTuple):
    """Where a pull keeps its files: received ones, merged ones, and the versions of each conflict, laid out as the
    tree; ``keep`` holds what an undo needs."""

    root: Path

    @property
    def run(self) -> Path:
        """The run's versions, as they were received."""
        return self.root / "run"

    @property
    def here(self) -> Path:
        """What was here before, of conflicts."""
        return self.root / "here"

    @property
    def left(self) -> Path:
        """What left, of conflicts."""
        return self.root / "left"

    @property
    def merged(self) -> Path:
        """Merged texts that wait to be placed."""
        return self.root / "merged"

    @property
    def keep(self) -> Path:
        """What is replaced or deleted."""
        return self.root / "keep"

    def begin(self) -> None:
        """Make all anew that a merge writes."""
        for folder in (self.here, self.left, self.merged):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True)


ReadLeft = Callable[[Entry], bytes | None]
"""The bytes of a file as it left, None if they are not known."""


class TextMerger(NamedTuple):
    """Merges texts of ``tree`` with those in ``folders``; ``host`` names the run's side in conflict markers."""

    tree: Path
    folders: Folders
    read_left: ReadLeft
    host: str

    def merge(self, path: str, left: Entry, here: Entry, run: Entry) -> Merged | None:
        """Merge one file into ``folders.merged``; None if it is no text, or what left is not known.

        Raises `TreeChanged` if the file here is not ``here`` any more, `OSError`.
        """
        if max(left.size, here.size, run.size) > LARGEST_TEXT:
            return None
        base = self.read_left(left)
        ours = self.read_here(here)
        theirs = (self.folders.run / path).read_bytes()
        if base is None or any(b"\0" in text[:_PROBE] for text in (base, ours, theirs)):
            return None
        merged = self._merge_texts(ours, base, theirs)
        if merged is None:
            return None
        data, clash = merged
        write_private(self.folders.merged, path, data)
        return Merged(size=len(data), digest=blake3(data).hexdigest(), mtime_ns=time.time_ns(), clash=clash)

    def _merge_texts(self, ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool] | None:
        names: list[str] = []
        for name, data in (("here", ours), ("left", base), ("run", theirs)):
            names.append(str(write_private(self.folders.merged, f".castoff-merging-{name}", data).absolute()))
        labels = ("-L", "here", "-L", "when it left", "-L", f"run on {self.host}")
        try:
            # Outside any repository: no setting of one counts.
            done = git(
                *("merge-file", "-p", "-q", "--diff3", *labels, "--", *names),
                git_dir=self.folders.merged,
                environment=OWN_CONFIG,
                seconds=_SECONDS,
                accept=range(128),
            )
        except GitFailed:
            # Too hard to compare in time: then it is no text for us, and both versions are kept.
            return None
        finally:
            for name in names:
                Path(name).unlink(missing_ok=True)
        return done.out, done.status > 0

    def read_here(self, entry: Entry) -> bytes:
        """The bytes of the file ``entry`` in the tree; raises `TreeChanged` if it is another one now, `OSError`."""
        with open_root(self.tree) as root, at(root, entry.path) as (where, name):
            handle = os.open(name, READ, dir_fd=where)
            with os.fdopen(handle, "rb") as file:
                data = file.read(entry.size + 1)
        if blake3(data).hexdigest() != entry.digest:
            raise TreeChanged(f"{entry.path!r} changed here while it was merged.", (entry.path,), "Try again.")
        return data

    def keep_versions(self, conflict: Conflict) -> None:
        """Keep what is here and what left of a conflict beside what the run has. Raises `TreeChanged`, `OSError`."""
        if conflict.here is not None and conflict.here.type == "file" and conflict.kind != "special":
            self._copy_here(conflict.here)
        if conflict.left is not None and conflict.left.type == "file" and conflict.left.size <= LARGEST_TEXT:
            data = self.read_left(conflict.left)
            if data is not None:
                write_private(self.folders.left, conflict.path, data)

    def _copy_here(self, entry: Entry) -> None:
        target = self.folders.here / entry.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = blake3()
        with open_root(self.tree) as root, at(root, entry.path) as (where, name):
            source = os.open(name, READ, dir_fd=where)
        with os.fdopen(source, "rb") as reader, target.open("wb") as writer:
            while block := reader.read(_BLOCK):
                digest.update(block)
                writer.write(block)
        target.chmod(entry.mode & 0o700 | 0o600)
        if digest.hexdigest() != entry.digest:
            raise TreeChanged(f"{entry.path!r} changed here while it was merged.", (entry.path,), "Try again.")


def write_private(folder: Path, path: str, data: bytes) -> Path:
    """Write ``data`` to ``path`` below ``folder``, for the user alone."""
    target = folder / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return target
