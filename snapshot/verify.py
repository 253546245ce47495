"""Is a tree exactly what a manifest says? Everything is computed anew; nothing of the sender is believed."""

import os
from pathlib import Path
from typing import Literal

from snapshot.beneath import Beneath, Spot
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
    with Beneath(tree) as below:
        for entry in manifest.entries:
            record = here.get(entry.path)
            what = "missing" if record is None else _differs(below, record, entry)
            if what:
                differences.append(Difference(path=show_path(entry.path), what=what))
    return tuple(sorted(differences, key=lambda difference: difference.path))


def _differs(below: Beneath, record: os.stat_result, entry: Entry) -> What | None:
    """The first way in which the file, of which ``record`` is the `os.lstat`, is not ``entry``; None if in none."""
    if entry_type(record.st_mode) != entry.type:
        return "type"
    if entry.type != "symlink":
        what = _differs_in_kind(record, entry)
        if what or entry.type == "dir":
            return what
    try:
        return _differs_in_content(below.at(entry.path), entry)
    except OSError:
        return "unreadable"


def _differs_in_kind(record: os.stat_result, entry: Entry) -> What | None:
    if record.st_mode & 0o7777 != entry.mode:
        return "mode"
    if entry.type == "dir":
        return None
    if record.st_size != entry.size:
        return "size"
    if time_counts(entry.path) and record.st_mtime_ns != entry.mtime_ns:
        return "mtime"
    return None


def _differs_in_content(spot: Spot, entry: Entry) -> What | None:
    if entry.type == "symlink":
        target = read_link(spot.name, spot.where)
        return None if target == entry.target and text_digest(target) == entry.digest else "target"
    return None if file_digest(spot.name, entry.size, spot.where) == entry.digest else "digest"
