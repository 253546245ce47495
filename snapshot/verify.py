"""Is a tree exactly what a manifest says? Everything is computed anew; nothing of the sender is believed."""

import os
from pathlib import Path
from typing import Literal

from snapshot.digest import file_digest, text_digest
from snapshot.manifest import Entry, Frozen, Manifest, entry_type, time_counts
from snapshot.walk import read_link, show_path, walk

What = Literal["missing", "extra", "type", "mode", "size", "mtime", "target", "digest", "unreadable"]


class Difference(Frozen):
    """One way in which one path is not what the manifest says."""

    path: str
    what: What


def verify(tree: Path, manifest: Manifest) -> tuple[Difference, ...]:
    """All differences between ``tree`` and the manifest, sorted by path; empty means equal.

    Raises `TreeChanged` if a directory vanishes meanwhile.
    """
    walked = walk(tree)
    here = dict(walked.found)
    wanted = manifest.by_path
    differences = [Difference(path=show_path(path), what="extra") for path in here.keys() - wanted.keys()]
    differences += [Difference(path=show_path(path), what="unreadable") for path in walked.unlisted]
    for entry in manifest.entries:
        record = here.get(entry.path)
        what = "missing" if record is None else differs(f"{tree}/{entry.path}", record, entry)
        if what:
            differences.append(Difference(path=show_path(entry.path), what=what))
    return tuple(sorted(differences, key=lambda difference: difference.path))


def differs(file: str, record: os.stat_result, entry: Entry, *, times: bool = True) -> What | None:
    """The first way in which ``file``, of which ``record`` is the `os.lstat`, is not ``entry``; None if in none."""
    if entry_type(record.st_mode) != entry.type:
        return "type"
    if entry.type == "symlink":
        try:
            target = read_link(file)
        except OSError:
            return "unreadable"
        return None if target == entry.target and text_digest(target) == entry.digest else "target"
    if record.st_mode & 0o7777 != entry.mode:
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
