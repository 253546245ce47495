"""A copy of a tree by its manifest, from a tree that somebody may be changing meanwhile."""

import os
import shutil
import stat
from pathlib import Path

from blake3 import blake3

from snapshot.manifest import Entry, Manifest, time_counts

_BLOCK = 1 << 20


def copy_verified(source: Path, manifest: Manifest, target: Path) -> tuple[str, ...]:
    """Copy what ``manifest`` lists from ``source`` into the new directory ``target``, with modes and times.

    Every file is digested as it is copied; one that is not exactly what the manifest says is left out, so that
    nothing else can enter, whoever works in ``source``: those paths are returned. No file shares its bytes with its
    original. Raises `OSError` when ``target`` cannot be written.
    """
    root = os.fspath(target)
    left_out: list[str] = []
    target.mkdir(mode=0o700)
    for entry in manifest.entries:
        copy = f"{root}/{entry.path}"
        if entry.type == "dir":
            os.mkdir(copy, 0o700)  # noqa: PTH102 - one of very many; a Path for each costs more than the call
        elif entry.type == "symlink":
            os.symlink(entry.target, copy)  # noqa: PTH211 - as above
        elif not _copy_file(f"{source}/{entry.path}", copy, entry):
            left_out.append(entry.path)
    for entry in reversed(manifest.entries):
        if entry.type == "dir":
            os.chmod(f"{root}/{entry.path}", entry.mode)  # noqa: PTH101 - as above
    return tuple(left_out)


def remove_tree(path: Path) -> None:
    """Remove a directory and all in it, also where its own modes forbid that; nothing to do if it is not there."""
    if not path.exists():
        return
    path.chmod(0o700)
    for folder, names, _ in os.walk(path):
        for name in names:
            inside = Path(folder, name)
            if not inside.is_symlink():
                inside.chmod(0o700)
    shutil.rmtree(path)


def _copy_file(source: str, copy: str, entry: Entry) -> bool:
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # it is gone, or closed to us: it is not what travelled any more
    try:
        record = os.fstat(handle)
        if not _may_be(record, entry):
            return False
        if not _copy_bytes(handle, copy, entry):
            os.unlink(copy)  # noqa: PTH108 - as above
            return False
        os.utime(copy, ns=(record.st_mtime_ns, record.st_mtime_ns))
        return True
    finally:
        os.close(handle)


def _may_be(record: os.stat_result, entry: Entry) -> bool:
    same_time = not time_counts(entry.path) or record.st_mtime_ns == entry.mtime_ns
    return stat.S_ISREG(record.st_mode) and record.st_size == entry.size and same_time


def _copy_bytes(handle: int, copy: str, entry: Entry) -> bool:
    """Whether the bytes copied are the entry's; no more than its size is ever written."""
    state, left = blake3(), entry.size
    with open(copy, "xb", buffering=0) as file:  # noqa: PTH123 - as above
        while left and (block := os.read(handle, min(left, _BLOCK))):
            state.update(block)
            file.write(block)
            left -= len(block)
        os.fchmod(file.fileno(), entry.mode)
    return not left and state.hexdigest() == entry.digest
