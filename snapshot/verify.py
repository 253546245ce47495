"""Is a tree exactly what a manifest says? Everything is computed anew; nothing of the sender is believed."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from snapshot.digest import file_digest, text_digest
from snapshot.manifest import Entry, Frozen, Manifest, entry_type, time_counts
from snapshot.walk import read_link, walk

What = Literal["missing", "extra", "type", "mode", "size", "mtime", "target", "digest", "unreadable"]


class Difference(Frozen):
    """One way in which one path is not what the manifest says."""

    path: str
    what: What


def verify(
    tree: Path, manifest: Manifest, *, modes: bool = True, skip: Collection[str] = frozenset()
) -> tuple[Difference, ...]:
    """All differences between ``tree`` and the manifest, sorted by path; empty means equal.

    ``modes`` false leaves permission bits out. ``skip`` are paths of the tree that are not looked into,
    like mount points that a sandbox made. Raises `TreeChanged` if a directory vanishes meanwhile.
    """
    walked = walk(tree, skip)
    here = dict(walked.found)
    wanted = manifest.by_path
    differences = [Difference(path=_shown(path), what="extra") for path in here.keys() - wanted.keys()]
    differences += [Difference(path=_shown(path), what="unreadable") for path in walked.unlisted]
    for entry in manifest.entries:
        record = here.get(entry.path)
        what = "missing" if record is None else differs(f"{tree}/{entry.path}", record, entry, modes=modes)
        if what:
            differences.append(Difference(path=entry.path, what=what))
    return tuple(sorted(differences, key=lambda difference: difference.path))


def differs(file: str, record: os.stat_result, entry: Entry, *, modes: bool = True, times: bool = True) -> What | None:
    """The first way in which ``file``, of which ``record`` is the `os.lstat`, is not ``entry``; None if in none."""
    if entry_type(record.st_mode) != entry.type:
        return "type"
    if entry.type == "symlink":
        try:
            target = read_link(file)
        except OSError:
            return "unreadable"
        return None if target == entry.target and text_digest(target) == entry.digest else "target"
    if modes and record.st_mode & 0o7777 != entry.mode:
        return "mode"
    if entry.type == "dir":
        return None
    if record.st_size != entry.size:
        return "size"
    if times and time_counts(entry.path) and record.st_mtime_ns != entry.mtime_ns:
        return "mtime"
    try:
        return None if file_digest(file, entry.size) == entry.digest else "digest"
    except OSError:
        return "unreadable"


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")
