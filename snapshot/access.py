"""What cannot be read, before it would be missing on the host."""

import os
import stat
from pathlib import Path

from snapshot.refusal import Refusal
from snapshot.walk import Found, show_path

_EFFECTIVE = os.access in os.supports_effective_ids


def check_access(tree: Path, item: Found) -> Refusal | None:
    """A refusal if the regular file ``item`` of ``tree`` cannot be read."""
    mode, file = item.stat.st_mode, f"{tree}/{item.path}"
    # The owner's own permission decides for the owner: most files need no asking, of which there may be very many.
    if not stat.S_ISREG(mode) or (mode & stat.S_IRUSR and item.stat.st_uid == os.geteuid()):
        return None
    if os.access(file, os.R_OK, effective_ids=_EFFECTIVE):
        return None
    # One that is gone meanwhile is no matter of permission: the second look sees it.
    return refuse_unreadable(item.path) if os.path.lexists(file) else None


def refuse_unreadable(path: str) -> Refusal:
    """The refusal for a file or folder that cannot be read."""
    shown = show_path(path)
    sentence = f"{shown!r} cannot be read."
    return Refusal(code="unreadable", path=shown, sentence=sentence, way_out="Change its mode, or ignore it.")
