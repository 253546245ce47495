"""Files of HOME, outside the tree, that travel because the user chose them in the loss report.

They go out in the parcel and into the run's own HOME, and do not come home: there the originals are.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agent.durable import copy_record, make_private, read_model, write_model
from agent.events import Frozen
from remote.errors import RemoteError

_LIST = "carried.json"


class CarriedFile(Frozen):
    """A file by its path relative to HOME."""

    path: str
    executable: bool = False


class Carried(Frozen):
    """What a parcel holds of the kind."""

    files: tuple[CarriedFile, ...] = ()


def pack_carried(parcel: Path, home: Path, names: Sequence[str]) -> None:
    """Copy files of ``home`` into a parcel in the making, and list them there. Raises `OSError`."""
    if not names:
        return
    files: list[CarriedFile] = []
    for name in names:
        target = parcel / "home" / name
        make_private(target.parent)
        shutil.copyfile(home / name, target, follow_symlinks=False)
        target.chmod(0o600)
        files.append(CarriedFile(path=name, executable=os.access(home / name, os.X_OK)))
    write_model(parcel / _LIST, Carried(files=tuple(files)))


def place_carried(parcel: Path, home: Path) -> None:
    """Put the files of a received parcel into the run's HOME. Raises `RemoteError`, `OSError`.

    The HOME may be one where an agent has worked before: a link in it never leads the copy elsewhere.
    """
    if not (parcel / _LIST).exists():
        return
    for file in read_model(parcel / _LIST, Carried).files:
        name = PurePosixPath(file.path)
        if name.is_absolute() or ".." in name.parts or not name.parts:
            raise RemoteError(f"{file.path!r} does not lie in HOME.", "Hand it off without that file.")
        folder = home
        for part in name.parts[:-1]:
            folder = folder / part
            if folder.is_symlink():
                raise RemoteError(f"~/{folder.relative_to(home)} is a link in the run's HOME.", "Remove it there.")
        copy_record(parcel / "home" / name, home / name, 0o700 if file.executable else 0o600)
