"""The paths of a tree that travel."""

from pathlib import Path

from snapshot.manifest import entry_type
from snapshot.repository import has_repository, ignored_among, read_status
from snapshot.selection import EVERYTHING, Selection, choose, leave_out
from snapshot.walk import walk


def list_paths(tree: Path, selection: Selection = EVERYTHING) -> list[str]:
    """Every path outside ``.git`` that git does not ignore, as ``selection`` amends it, directories included, sorted.

    Runs git on the tree. An ignored socket, pipe or device is left out like an ignored file; others are listed.
    Raises `GitFailed`, `TreeChanged`.
    """
    if not has_repository(tree):
        return [item.path for item in leave_out(walk(tree, {".git"}).found, selection).found]
    ignored = choose(tree, read_status(tree, copied=True).ignored, selection).ignored
    found = leave_out(walk(tree, ignored | {".git"}).found, selection).found
    special = ignored_among(tree, [path for path, record in found if entry_type(record.st_mode) is None])
    return [item.path for item in found if item.path not in special]
