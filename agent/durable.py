"""Records that survive a crash: written whole or not at all.

A reader sees the old bytes or the new ones; after `write_record` returns, the new ones also survive a power cut
(as far as the disk keeps its word): temporary file, fsync, rename, fsync of the directory. The temporary file has
one name for each record, so that a killed writer leaves nothing that piles up.

Each record says in which format it was written. One of a newer format than this version knows is refused, and as it
is always read before it is replaced, never written over. Fields that a newer version adds are no new format.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from agent.directories import make_private, sync_directory
from agent.errors import RecordDamaged, RecordNewer
from agent.frozen import LATE

FORMAT = 1
"""The newest format of records that this version knows; those that do not say are of the first."""
Record = TypeVar("Record", bound=BaseModel)
_BLOCK = 1 << 20


def write_record(path: Path, content: bytes, mode: int | None = 0o600) -> None:
    """Replace ``path`` by ``content`` durably; raises `OSError` and leaves the old content on failure.

    With ``mode`` ``None`` a new file gets what the umask leaves of 0666.
    """
    _replace(path, (content,), mode)


def copy_record(source: Path, target: Path, mode: int = 0o600) -> None:
    """`write_record` with the bytes of the file ``source``, which must not be a link; folders are made at need."""
    make_private(target.parent)
    with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        _replace(target, iter(lambda: file.read(_BLOCK), b""), mode)


def _replace(path: Path, blocks: Iterable[bytes], mode: int | None) -> None:
    part = path.with_name(f".{path.name}.castoff-new")
    with os.fdopen(_open_part(part, mode), "wb") as file:
        try:
            file.writelines(blocks)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


def _open_part(part: Path, mode: int | None) -> int:
    """Open ``part`` empty, for this writer alone: others wait, and what a killed one left is written over."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        descriptor = os.open(part, flags, 0o666 if mode is None else 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_named(descriptor, part):
            os.ftruncate(descriptor, 0)
            return descriptor
        # Who had it before has renamed it meanwhile: it is the record now.
        os.close(descriptor)


def _is_named(descriptor: int, name: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), name.lstat())
    except FileNotFoundError:
        return False


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or a folder so that it survives a power cut; raises `OSError`."""
    source.rename(target)
    for folder in {source.parent, target.parent}:
        sync_directory(folder)


def remove_record(path: Path) -> None:
    """Remove a file for good, if it is there; raises `OSError`."""
    if path.exists():
        path.unlink()
        sync_directory(path.parent)


def write_model(path: Path, record: BaseModel) -> None:
    """`write_record` for a pydantic model, as JSON."""
    fields = record.model_dump_json(indent=1).removeprefix("{")
    comma = "" if fields == "}" else ","
    write_record(path, f'{{\n "format": {FORMAT}{comma}{fields}\n'.encode())


def read_model(path: Path, model: type[Record]) -> Record:
    """Read what `write_model` wrote; raises `RecordDamaged` when it is missing, cannot be read or is not valid,
    `RecordNewer` when a newer castoff wrote it."""
    try:
        content = path.read_bytes()
        if (newer := _Head.model_validate_json(content).format) > FORMAT:
            raise RecordNewer(
                f"{path} was written by a newer castoff, in format {newer}; this one knows {FORMAT}.",
                "Update castoff on this machine; nothing was changed.",
            )
        return model.model_validate_json(content)
    except FileNotFoundError as error:
        raise RecordDamaged(f"{path} is missing.") from error
    except OSError as error:
        raise RecordDamaged(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RecordDamaged(f"{path} cannot be understood: {error.errors()[0]['msg']}.") from error


class _Head(BaseModel):
    model_config = LATE

    format: int = 1


def append_private(path: Path) -> BinaryIO:
    """Open a file at its end for writing, made durably at need for the owner alone (0600)."""
    is_new = not path.exists()
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
    if is_new:
        sync_directory(path.parent)
    return file
