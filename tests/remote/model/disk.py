"""A disk that forgets what was not fsynced, one operation at a time: between any two of them the machine may die."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Faults:
    """What may be wrong with the way records are written; all of it off is `agent.durable` as it is."""

    no_fsync: bool = False
    early_rename: bool = False
    no_directory_fsync: bool = False
    no_append_fsync: bool = False


@dataclass
class Disk:
    """Files by name, as seen now and as a power cut would leave them. ``operate`` is called before each operation."""

    operate: Callable[[], None]
    faults: Faults = field(default_factory=Faults)
    seen: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _kept: dict[str, bytes] = field(default_factory=dict[str, bytes])
    _renamed: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """What a rename that is not yet on disk would put there."""

    def begin(self, files: dict[str, bytes]) -> None:
        """Hold these files for good."""
        self.seen, self._kept = dict(files), dict(files)

    def write_record(self, name: str, content: bytes) -> None:
        """What `agent.durable.write_record` does: write aside, fsync, rename, fsync the directory."""
        self.operate()
        on_disk = b""
        self.operate()
        if not self.faults.no_fsync and not self.faults.early_rename:
            on_disk = content
        self.operate()
        self.seen[name] = content
        self._renamed[name] = on_disk
        self.operate()
        if self.faults.no_fsync or self.faults.no_directory_fsync:
            return
        if self.faults.early_rename:
            self._renamed[name] = content
            self.operate()
        # All of them are in one directory, and it is that which is fsynced.
        self._kept |= self._renamed
        self._renamed.clear()

    def firm(self) -> None:
        """fsync the directory: what a rename put there stays, even if whoever renamed it was killed right after."""
        self.operate()
        if not self.faults.no_directory_fsync:
            self._kept |= self._renamed
            self._renamed.clear()

    def append(self, name: str, line: bytes) -> None:
        """Write at the end of a file; `sync` keeps it."""
        self.operate()
        self.seen[name] += line

    def truncate(self, name: str, size: int) -> None:
        """Cut a file off; ``sync`` keeps that."""
        self.operate()
        self.seen[name] = self.seen[name][:size]

    def sync(self, name: str) -> None:
        """fsync a file that is appended to."""
        self.operate()
        if not self.faults.no_append_fsync:
            self._kept[name] = self.seen[name]

    def lose_power(self, chance: int) -> None:
        """Come back after a power cut; ``chance`` decides what of the unsynced is there all the same."""
        for name, content in self._renamed.items():
            if chance & 1:
                self._kept[name] = content
        for name, content in self.seen.items():
            kept = self._kept.get(name, b"")
            if content.startswith(kept) and name not in self._renamed:
                self._kept[name] = content[: len(kept) + chance % (len(content) - len(kept) + 1)]
        self._renamed.clear()
        self.seen = dict(self._kept)

    def copy(self, operate: Callable[[], None]) -> Self:
        """The same files on another machine."""
        other = type(self)(operate, self.faults)
        other.begin(self.seen)
        return other


@dataclass(frozen=True)
class Shown:
    """A file or folder of a disk, as far as a `pathlib.Path` is needed to read it."""

    files: dict[str, bytes]
    name: str = ""

    def __truediv__(self, part: str) -> "Shown":
        """The file or folder ``part`` of this folder."""
        return Shown(self.files, f"{self.name}/{part}".removeprefix("/"))

    def exists(self) -> bool:
        """Whether it is a file."""
        return self.name in self.files

    is_file = exists

    def open(self, _: str) -> io.BytesIO:
        """Open it to be read."""
        return io.BytesIO(self.files[self.name])
