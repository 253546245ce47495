"""What is in the tree here now, at the paths that a run changed; also where git ignores it."""

import os
from collections.abc import Iterable
from pathlib import Path

from snapshot.changes import Change
from snapshot.errors import TreeChanged
from snapshot.manifest import Entry
from snapshot.merge import Here, parents
from snapshot.place import NOT_THERE, at, look, open_root
from snapshot.walk import walk


def look_here(tree: Path, changes: Iterable[Change]) -> Here:
    """Look at the paths of ``changes`` and the folders above them; no link is followed. Raises `OSError`."""
    entries: dict[str, Entry] = {}
    inside: dict[str, list[str]] = {}
    special: set[str] = set()
    with open_root(tree) as root:
        for change in changes:
            for path in (*parents(change.path), change.path):
                if path not in entries and path not in special:
                    _look_at(root, path, entries, special)
            found, after = entries.get(change.path), change.after
            if found is not None and found.type == "dir" and after is not None and after.type != "dir":
                inside[change.path] = _names_below(tree, change.path)
    return Here(entries, inside, frozenset(special))


def _look_at(root: int, path: str, entries: dict[str, Entry], special: set[str]) -> None:
    try:
        with at(root, path) as (where, name):
            entry = look(where, name, path)
    except (TreeChanged, PermissionError):
        # A socket, pipe or device, or what cannot be read: whatever the run made of it, it stays.
        special.add(path)
        return
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise
        return
    if entry is not None:
        entries[path] = entry


def _names_below(tree: Path, path: str) -> list[str]:
    try:
        walked = walk(Path(os.path.join(tree, path)))  # noqa: PTH118 - "a//b" would become another path
    except TreeChanged:
        return [f"{path}/."]  # somebody is at work in it: it stays
    # A directory that cannot be listed may hold anything.
    return [f"{path}/{item.path}" for item in walked.found] + [f"{path}/{name}/." for name in walked.unlisted]
