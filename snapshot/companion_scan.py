"""One look at a companion (`snapshot.companions`): what of it travels, and what stands in the way.

It is looked at as if it were the ``.git`` of a tree of its own: what holds for a repository in the tree holds for it.
"""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from snapshot.access import find_closed, refuse_unreadable
from snapshot.companions import Beside
from snapshot.gitfiles import find_links, find_locks, find_settings
from snapshot.manifest import entry_type
from snapshot.refusal import Refusal
from snapshot.walk import Found, Walked, walk


class CompanionScan(NamedTuple):
    """``travels`` are paths in it, sorted, and ``withheld`` settings files that hold credentials, with their names."""

    beside: Beside
    travels: list[Found]
    refusals: list[Refusal]
    withheld: dict[str, tuple[str, ...]]


def scan_companion(beside: Beside) -> CompanionScan:
    """Look at a companion. Raises `TreeChanged`, `OSError`."""
    travels, unlisted = list_companion(beside)
    above = f"{beside.inside}/"
    seen = [Found(above + path, record) for path, record in travels]
    with _as_tree(beside) as tree:
        settings = find_settings(tree, dict(seen), root=beside.at)
        refusals = [*find_locks(tree, seen), *find_links(tree, seen, root=beside.at), *settings.refusals]
        refusals += [refuse_unreadable(path) for path in find_closed(tree, seen)]
    refusals += [refuse_unreadable(above + path) for path in unlisted]
    told = [each.model_copy(update={"sentence": f"In {beside.shown!r}: {each.sentence}"}) for each in refusals]
    withheld = {path.removeprefix(above): names for path, names in settings.withheld.items()}
    return CompanionScan(beside, travels, told, withheld)


def list_companion(beside: Beside) -> Walked:
    """What of it travels, and the folders that cannot be listed.

    Sockets and the like belong to this machine, as in any ``.git``. Raises `TreeChanged`, `OSError`.
    """
    walked = walk(beside.at, beside.stays)
    return walked._replace(found=[item for item in walked.found if entry_type(item.stat.st_mode) is not None])


@contextmanager
def _as_tree(beside: Beside) -> Generator[Path]:
    """A folder in which the companion is `Beside.inside`, by a link; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="castoff-beside-") as folder:
        link = Path(folder, beside.inside)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(beside.at, target_is_directory=True)
        yield Path(folder)
