"""What cannot be read, before it would be missing on the host."""

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from snapshot.manifest import in_git
from snapshot.refusal import Refusal
from snapshot.walk import Found, show_path

_EFFECTIVE = os.access in os.supports_effective_ids


def find_closed(tree: Path, found: Iterable[Found]) -> list[str]:
    """The regular files among ``found`` that cannot be read."""
    user = os.geteuid()
    # The owner's own permission decides for the owner: most files need no asking, of which there may be very many.
    readable = stat.S_IRUSR
    asked = [(path, own.st_mode) for path, own in found if not (own.st_mode & readable and own.st_uid == user)]
    return [path for path, mode in asked if _is_closed(f"{tree}/{path}", mode)]


def part_closed(closed: Iterable[str], tracked: Sequence[str]) -> tuple[list[Refusal], frozenset[str]]:
    """Part what cannot be read into what is refused for it and what may stay.

    A repository's own files are needed, and one of ``tracked`` (paths in the indexes) would look deleted there.
    """
    refusals: list[Refusal] = []
    staying = set[str]()
    for path in closed:
        if path == "." or in_git(path) or not _is_text(path):
            refusals.append(refuse_unreadable(path))
        elif any(each == path or each.startswith(f"{path}/") for each in tracked):
            shown = show_path(path)
            sentence = f"{shown!r} cannot be read, and git tracks it: on the host it would look deleted."
            refusals.append(Refusal(code="unreadable", path=shown, sentence=sentence, way_out="Change its mode."))
        else:
            staying.add(path)
    return refusals, frozenset(staying)


def refuse_unreadable(path: str) -> Refusal:
    """The refusal for a file or folder that cannot be read."""
    shown = show_path(path)
    sentence = f"{shown!r} cannot be read."
    return Refusal(code="unreadable", path=shown, sentence=sentence, way_out="Change its mode, or ignore it.")


def _is_closed(file: str, mode: int) -> bool:
    if not stat.S_ISREG(mode) or os.access(file, os.R_OK, effective_ids=_EFFECTIVE):
        return False
    # One that is gone meanwhile is no matter of permission: the second look sees it.
    return os.path.lexists(file)


def _is_text(path: str) -> bool:
    """Whether a selection can name it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
