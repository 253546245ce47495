"""Files that travel with other bytes than they have here. The tree itself is never changed.

The replaced files lie in a folder outside the tree, laid out like it, with the directories above them and no more.
The manifest lists them as they will arrive, and ``rsync FOLDER/ TREE/ THERE/`` sends them: of a name that both
sources have, the first one wins.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.walk import Found

Change = Callable[[bytes], bytes]
"""From a file's bytes to those that travel; the same bytes if they may travel."""


class Replaced(NamedTuple):
    """What travels in place of a file: its size and digest, and the digest of the bytes that the tree has."""

    size: int
    digest: str
    raw: str


class Overlay:
    """The replaced files of one capture. ``changes`` are by path; without a ``folder`` nothing is written."""

    def __init__(self, changes: Mapping[str, Change], folder: Path | None) -> None:
        self._changes = changes
        self._folder = folder
        self._replaced: dict[str, Replaced] = {}
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def may_replace(self) -> bool:
        """Whether it concerns any file."""
        return bool(self._changes)

    def concerns(self, found: Found) -> bool:
        """Whether other bytes may travel in place of a file."""
        return found.path in self._changes

    def replace(self, found: Found, data: bytes) -> None:
        """Take in a file that it concerns, of which ``data`` are the bytes in the tree. Raises what the change raises,
        and `OSError`."""
        changed = self._changes[found.path](data)
        if changed == data:
            return
        self._replaced[found.path] = Replaced(len(changed), blake3(changed).hexdigest(), blake3(data).hexdigest())
        if self._folder is not None:
            self._write(self._folder, found, changed)

    def find(self, path: str) -> Replaced | None:
        """What travels in place of a file; None if it travels as it is."""
        return self._replaced.get(path)

    def finish(self, tree: Path) -> None:
        """Give the overlay's directories the modes of the tree's: rsync takes those of the first source."""
        if self._folder is None or not self._replaced:
            return
        folders = {parent for path in self._replaced for parent in Path(path).parents}
        for folder in sorted(folders, reverse=True):
            (self._folder / folder).chmod((tree / folder).stat().st_mode & 0o7777)

    def _write(self, folder: Path, found: Found, data: bytes) -> None:
        file = folder / found.path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as target:
            target.write(data)
        file.chmod(found.stat.st_mode & 0o7777)
        os.utime(file, ns=(found.stat.st_mtime_ns, found.stat.st_mtime_ns))
