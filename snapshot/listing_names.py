"""The names of a tree's files, for people to choose from: what git tracks, and what it does not and need not ignore."""

import os
from pathlib import Path

from snapshot.git import git

_SECONDS = 20.0


def list_names(tree: Path) -> tuple[str, ...]:
    """Paths relative to ``tree``, which may be a part of its repository; raises `GitFailed`, also without one."""
    said = git(
        "-C", str(tree.absolute()), "ls-files", "-z", "--cached", "--others", "--exclude-standard", seconds=_SECONDS
    ).out
    return tuple(dict.fromkeys(os.fsdecode(name) for name in said.split(b"\0") if name))
