"""The paths of a tree that travel."""

from collections.abc import Collection
from pathlib import Path

from snapshot.manifest import entry_type
from snapshot.roots import Roots, ignored_in
from snapshot.selection import EVERYTHING, Selection, leave_out
from snapshot.walk import skip_git, walk


def list_paths(tree: Path, selection: Selection = EVERYTHING) -> list[str]:
    """Every path outside any ``.git`` that git does not ignore, as ``selection`` amends it, directories included.

    Sorted. Runs git on the tree and on the repositories in it. An ignored socket, pipe or device is left out like an
    ignored file; others are listed. Raises `GitFailed`, `TreeChanged`.
    """
    roots = Roots(tree, selection, copied=True)

    def enter(folder: str) -> Collection[str]:
        return {*roots.enter(folder), *skip_git(folder)}

    found = leave_out(walk(tree, enter=enter).found, selection).found
    special = ignored_in(tree, roots.statuses, [path for path, record in found if entry_type(record.st_mode) is None])
    return [item.path for item in found if item.path not in special]
