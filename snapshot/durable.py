"""Files that are written whole or not at all, also where the power is cut."""

import fcntl
import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Replace the file ``path`` by ``data`` (mode 0600): write aside, fsync, rename, fsync the directory."""
    part = path.with_name(f".{path.name}.castoff-new")
    with os.fdopen(_open_part(part), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        except BaseException:  # re-raised: nothing half-written is left behind
            part.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


def _open_part(part: Path) -> int:
    """Open ``part`` empty, for this writer alone: others wait, and what a killed one left is written over."""
    while True:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_named(handle, part):
            os.ftruncate(handle, 0)
            return handle
        # Who had it before has given it its name meanwhile.
        os.close(handle)


def _is_named(handle: int, name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), name.lstat())
    except FileNotFoundError:
        return False


def sync_directory(path: Path) -> None:
    """Make the names in the directory ``path`` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
