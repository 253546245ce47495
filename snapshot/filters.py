"""Filters that make ``rsync -a TREE/ THERE/`` send a manifest's entries and no more."""

import os
from pathlib import Path

from snapshot.manifest import Manifest


def rsync_filters(tree: Path, manifest: Manifest) -> bytes:
    """What of ``tree`` is not in the manifest, for ``--from0 --exclude-from=-``: anchored at the tree, literal.

    ``--from0`` has to come first: rsync reads the list where the option stands. The tree needs a trailing slash.
    Directories that are not in the manifest are excluded whole.
    """
    return b"".join(_anchor(os.fsencode(path)) + b"\0" for path in find_staying(tree, manifest))


def find_staying(tree: Path, manifest: Manifest) -> list[str]:
    """What of ``tree`` is not in the manifest; a directory stands for all that is in it."""
    travels = {entry.path for entry in manifest.entries}
    folders = ["", *(f"{entry.path}/" for entry in manifest.entries if entry.type == "dir")]
    staying: list[str] = []
    for folder in folders:
        with os.scandir(f"{tree}/{folder}") as listing:
            staying += sorted(folder + item.name for item in listing if folder + item.name not in travels)
    return staying


def _anchor(path: bytes) -> bytes:
    # rsync takes a backslash literally unless the pattern holds a wildcard character, and as an escape if it does.
    if any(wild in path for wild in (b"*", b"?", b"[")):
        for char in (b"\\", b"*", b"?", b"["):
            path = path.replace(char, b"\\" + char)
    return b"/" + path
