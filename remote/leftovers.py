"""What git ignores in a run's tree and what stayed there by choice, from one stay on the host to the next.

It never travels; but what setup commands built (a virtual environment, packages) is good for the session's next stay,
and building it again takes minutes. So it is put aside while the tree is made equal to the one that comes, and
put back into it where nothing that came is in the way. The tree is the agent's: no path is followed through a link.
"""

import os
import stat
from pathlib import Path

from agent.durable import make_private, read_model, rename_durably, write_model
from agent.events import Frozen
from snapshot.filters import find_staying
from snapshot.manifest import Manifest, in_git


class Leftovers(Frozen):
    """Paths relative to the tree; a folder is meant with all that is in it."""

    paths: tuple[str, ...] = ()


def note_leftovers(tree: Path, travels: Manifest, record: Path) -> None:
    """Write down what is in ``tree`` and not in ``travels``, repositories' own files apart."""
    paths = tuple(path for path in find_staying(tree, travels.entries) if not in_git(path) and _is_text(path))
    write_model(record, Leftovers(paths=paths))


def put_aside(tree: Path, record: Path, aside: Path) -> None:
    """Move what ``record`` names out of ``tree`` into ``aside``; may be done again when it was cut."""
    for number, path in _numbered(record):
        if _is_reachable(tree, path) and os.path.lexists(tree / path):
            rename_durably(tree / path, make_private(aside) / str(number))


def put_back(aside: Path, record: Path, tree: Path) -> None:
    """Move what was put aside into ``tree``, but for what has no folder there any more, or is there already."""
    for number, path in _numbered(record):
        source = aside / str(number)
        if os.path.lexists(source) and _is_reachable(tree, path) and not os.path.lexists(tree / path):
            rename_durably(source, tree / path)


def _numbered(record: Path) -> list[tuple[int, str]]:
    return list(enumerate(read_model(record, Leftovers).paths)) if record.exists() else []


def _is_reachable(tree: Path, path: str) -> bool:
    """Whether all folders above ``path`` are there, as folders."""
    above = [tree, *(tree / parent for parent in reversed(Path(path).parents[:-1]))]
    return ".." not in path.split("/") and all(os.path.lexists(p) and stat.S_ISDIR(p.lstat().st_mode) for p in above)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
