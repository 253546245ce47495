"""Records that survive a crash: written whole or not at all.

A reader sees the old bytes or the new ones; after `write_record` returns, the new ones also survive a power cut
(as far as the disk keeps its word): temporary file, fsync, rename, fsync of the directory.
"""

import os
import threading
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import RecordDamaged

Record = TypeVar("Record", bound=BaseModel)


def write_record(path: Path, content: bytes, mode: int | None = 0o600) -> None:
    """Replace ``path`` by ``content`` durably; raises `OSError` and leaves the old content on failure.

    With ``mode`` ``None`` it gets what the umask leaves of 0666.
    """
    # One name for each writer: threads may write the same record at once.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666 if mode is None else 0o600
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and new names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_model(path: Path, record: BaseModel) -> None:
    """`write_record` for a pydantic model, as JSON."""
    write_record(path, record.model_dump_json(indent=1).encode() + b"\n")


def read_model(path: Path, model: type[Record]) -> Record:
    """Read what `write_model` wrote; raises `RecordDamaged` when it is missing, cannot be read or is not valid."""
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise RecordDamaged(f"{path} is missing.") from error
    except OSError as error:
        raise RecordDamaged(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise RecordDamaged(f"{path} cannot be understood: {error.errors()[0]['msg']}.") from error


def make_private(path: Path) -> Path:
    """Make a directory and its missing parents, readable by the owner alone (0700), and return it."""
    # `Path.mkdir(parents=True)` gives the mode to the last one only.
    for missing in [each for each in path.parents if not each.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def append_private(path: Path) -> BinaryIO:
    """Open a file at its end for writing, made at need for the owner alone (0600)."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
