"""The paths of a tree that git does not ignore."""

from pathlib import Path

from snapshot.manifest import entry_type
from snapshot.repository import has_repository, ignored_among, read_status
from snapshot.walk import walk


def list_paths(tree: Path) -> list[str]:
    """Every path outside ``.git`` that git does not ignore, directories included, sorted. Runs git on the tree.

    An ignored socket, pipe or device is left out like an ignored file; others are listed. Raises `GitFailed`.
    """
    if not has_repository(tree):
        return [item.path for item in walk(tree, {".git"}).found]
    found = walk(tree, read_status(tree, copied=True).ignored | {".git"}).found
    ignored = ignored_among(tree, [path for path, record in found if entry_type(record.st_mode) is None])
    return [item.path for item in found if item.path not in ignored]
