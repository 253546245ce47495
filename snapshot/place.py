"""Placing files in a tree so that no link on the way is followed and every cut can be repaired.

Every path is opened one directory at a time with ``O_NOFOLLOW`` from the tree's own descriptor. A new file is written
beside its place, synced, and renamed.
"""

import errno
import os
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from snapshot.digest import handle_digest, text_digest
from snapshot.errors import IncomingDamaged, SnapshotError, TreeChanged, UndoDamaged
from snapshot.manifest import Entry, entry_type

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file that anyone may have put there is opened: no link is followed, no pipe waited for."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 20
NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
"""Errors that say that nothing is at a path, or that it leads through a link or a file."""


class Source:
    """Where the bytes of files come from: a folder laid out like the tree, or one numbered by step.

    The bytes of some paths may be in another folder, ``merged``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        numbered: bool = False,
        merged: Path | None = None,
        merged_paths: Collection[str] = frozenset(),
    ) -> None:
        self._folder = folder
        self._merged = merged
        self._merged_paths = merged_paths
        self.numbered = numbered

    @contextmanager
    def opened(self, number: int, path: str) -> Generator[int]:
        """An open file with the bytes for step ``number``. Raises `damaged` if there is none."""
        folder = self._merged if self._merged is not None and path in self._merged_paths else self._folder
        try:
            with (
                open_root(folder) as root,
                at(root, kept_name(number) if self.numbered else path) as (where, name),
            ):
                handle = os.open(name, READ, dir_fd=where)
        except OSError as error:
            raise self.damaged(path) from error
        try:
            yield handle
        finally:
            os.close(handle)

    def damaged(self, path: str) -> IncomingDamaged | UndoDamaged:
        """The error for bytes of ``path`` that are missing here or not the right ones."""
        if self.numbered:
            return UndoDamaged(f"What was kept of {path!r} is missing or changed.")
        return IncomingDamaged(
            f"{path!r} is missing or damaged in what was received.", "Pull again: it is fetched anew."
        )


def kept_name(number: int) -> str:
    """Where the original of step ``number`` is kept."""
    return f"files/{number:07d}"


@contextmanager
def open_root(folder: Path) -> Generator[int]:
    """A descriptor of ``folder``, which may itself be reached through links."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def at(root: int, path: str) -> Generator[tuple[int, str]]:
    """The descriptor of the directory that holds ``path``, and its name there; raises `OSError` at any link."""
    *folders, name = path.split("/")
    where = os.dup(root)
    try:
        for folder in folders:
            deeper = os.open(folder, _DIRECTORY, dir_fd=where)
            os.close(where)
            where = deeper
        yield where, name
    finally:
        os.close(where)


def look(where: int, name: str, path: str) -> Entry | None:
    """What is at ``name`` in the directory ``where``, digest included; None if nothing. Raises `OSError`."""
    try:
        record = os.stat(name, dir_fd=where, follow_symlinks=False)
    except FileNotFoundError:
        return None
    kind = entry_type(record.st_mode)
    mode = record.st_mode & 0o7777
    if kind == "symlink":
        target = os.readlink(name, dir_fd=where)
        size = len(os.fsencode(target))
        digest = text_digest(target)
        return Entry.model_construct(
            path=path, type=kind, mode=0o777, size=size, mtime_ns=0, digest=digest, target=target
        )
    if kind == "dir":
        return Entry(path=path, type=kind, mode=mode, size=0, mtime_ns=0, digest="")
    if kind is None:
        raise TreeChanged(f"{path!r} became a socket, pipe or device.", (path,), "Remove it, then pull again.")
    handle = os.open(name, READ, dir_fd=where)
    try:
        digest = handle_digest(handle, record.st_size)
    finally:
        os.close(handle)
    size, mtime = record.st_size, record.st_mtime_ns
    return Entry(path=path, type=kind, mode=mode, size=size, mtime_ns=mtime, digest=digest)


def same(here: Entry | None, wanted: Entry | None) -> bool:
    """Whether both are the same but for the file time."""
    if here is None or wanted is None:
        return here is wanted
    return (here.type, here.mode, here.digest, here.target) == (wanted.type, wanted.mode, wanted.digest, wanted.target)


def state(where: int, name: str) -> tuple[int, ...] | None:
    """What changes whenever a file does: inode, size, times, mode; None if there is none."""
    try:
        record = os.stat(name, dir_fd=where, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return (record.st_ino, record.st_size, record.st_mtime_ns, record.st_ctime_ns, record.st_mode)


def part_name(path: str) -> str:
    """The name under which the new content of ``path`` is written; the same again, so that a rest is overwritten."""
    return f".castoff-{blake3(os.fsencode(path)).hexdigest(16)}.part"


def write_part(where: int, part: str, handle: int, entry: Entry, *, mtime_ns: int, wrong: SnapshotError) -> None:
    """Copy the open file ``handle`` to the new file ``part``, synced, with the entry's mode and the time ``mtime_ns``.

    Raises ``wrong`` if the bytes are not the entry's, and `OSError`; nothing is left then.
    """
    remove(where, part)
    target = os.open(part, _CREATE, 0o600, dir_fd=where)
    try:
        digest = blake3()
        while block := os.read(handle, _BLOCK):
            digest.update(block)
            _write_all(target, block)
        if digest.hexdigest() != entry.digest:
            raise wrong
        os.fchmod(target, entry.mode)
        os.utime(target, ns=(mtime_ns, mtime_ns))
        os.fsync(target)
    except BaseException:  # re-raised: nothing half-written is left behind
        remove(where, part)
        raise
    finally:
        os.close(target)


def remove(where: int, name: str) -> None:
    """Remove a file or link; nothing happens if there is none."""
    try:
        os.unlink(name, dir_fd=where)
    except FileNotFoundError:
        return


def _write_all(target: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(target, view) :]
