"""Filters that make ``rsync -a TREE/ THERE/`` send a manifest's entries and no more."""

import os
from collections.abc import Sequence
from pathlib import Path

from snapshot.listed import Named
from snapshot.manifest import Companion


def rsync_filters(tree: Path, travels: Sequence[Named]) -> bytes:
    """What of ``tree`` does not travel, for ``--from0 --exclude-from=-``: anchored at the tree, literal.

    ``--from0`` has to come first: rsync reads the list where the option stands. The tree needs a trailing slash.
    Directories that do not travel are excluded whole.
    """
    return _join(find_staying(tree, travels))


def companion_filters(companion: Companion) -> bytes:
    """The same for a companion, anchored at its own directory."""
    above = f"{companion.inside}/"
    inside = [entry for entry in companion.entries if entry.path.startswith(above)]
    return _join(_find_others(Path(companion.at), inside, len(above)))


def find_staying(tree: Path, travels: Sequence[Named]) -> list[str]:
    """What of ``tree`` does not travel; a directory stands for all that is in it."""
    return _find_others(tree, travels, 0)


def _find_others(tree: Path, entries: Sequence[Named], cut: int) -> list[str]:
    """What of ``tree`` is none of ``entries``, whose paths below it begin after ``cut`` characters."""
    travels = {entry.path[cut:] for entry in entries}
    folders = ["", *(f"{entry.path[cut:]}/" for entry in entries if entry.type == "dir")]
    staying: list[str] = []
    for folder in folders:
        with os.scandir(f"{tree}/{folder}") as listing:
            staying += sorted(folder + item.name for item in listing if folder + item.name not in travels)
    return staying


def _join(paths: list[str]) -> bytes:
    return b"".join(_anchor(os.fsencode(path)) + b"\0" for path in paths)


def _anchor(path: bytes) -> bytes:
    # rsync takes a backslash literally unless the pattern holds a wildcard character, and as an escape if it does.
    if any(wild in path for wild in (b"*", b"?", b"[")):
        for char in (b"\\", b"*", b"?", b"["):
            path = path.replace(char, b"\\" + char)
    return b"/" + path
