"""The second look at a tree: whether everything is still as it was when it was looked at first."""

import os
from collections.abc import Iterable
from pathlib import Path

from snapshot.manifest import entry_type, in_git, time_counts
from snapshot.roots import ignored_in
from snapshot.scan import Scan
from snapshot.selection import Selection, leave_out
from snapshot.walk import Found, tell_changed, walk


def look_again(tree: Path, seen: Scan, selection: Selection) -> None:
    """Look at everything in ``tree`` once more. Raises `TreeChanged` naming what of it is not as ``seen`` has it, and
    `GitFailed`."""
    known = dict(seen.travels)
    found = leave_out(walk(tree, staying(seen), known=known).found, selection).found
    fresh = [item.path for item in found if item.path not in known and not in_git(item.path)]
    late = ignored_in(tree, {*seen.inner, *([""] if seen.git else [])}, fresh) if fresh else frozenset[str]()
    compare(known, [item for item in found if item.path not in late])


def staying(seen: Scan) -> frozenset[str]:
    """The paths that nobody looks at again."""
    return seen.ignored.union(seen.left, seen.sockets)


def compare(known: dict[str, os.stat_result], found: Iterable[Found], above: str = "") -> None:
    """Raise `TreeChanged` unless ``found`` is what ``known`` has, which is used up; ``above`` goes before the paths."""
    changed = [
        path
        for path, now in found
        if (was := known.pop(path, None)) is None or _state(above, path, was) != _state(above, path, now)
    ]
    if changed or known:
        raise tell_changed(sorted({*changed, *known}))


def _state(above: str, path: str, record: os.stat_result) -> tuple[int, ...]:
    if entry_type(record.st_mode) == "dir":
        return (record.st_mode,)
    if not time_counts(above + path):
        return (record.st_mode, record.st_size, record.st_ino)
    return (record.st_mode, record.st_size, record.st_mtime_ns, record.st_ctime_ns, record.st_ino)
