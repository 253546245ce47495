"""What travels of a tree by name and status, before its files are digested.

It is enough to begin with the sending. Whether it was true of one point in time, `snapshot.capture.complete` finds out.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from snapshot.access import refuse_unreadable
from snapshot.beneath import Beneath
from snapshot.credentials import without_credentials
from snapshot.digest import read_file
from snapshot.errors import SnapshotRefused
from snapshot.garbage import uncollected
from snapshot.listed import Listed
from snapshot.manifest import entry_type
from snapshot.overlay import Change, Overlay
from snapshot.scan import Scan, scan
from snapshot.selection import EVERYTHING, Selection
from snapshot.walk import Found, tell_changed


class Draft(NamedTuple):
    """One look at ``tree``, from ``began`` till ``since`` (Unix time, nanoseconds); ``over`` is what travels with other
    bytes."""

    tree: Path
    selection: Selection
    seen: Scan
    over: Overlay
    began: int
    since: int
    companions_overlay: Path | None

    def list_tree(self) -> tuple[Listed, ...]:
        """What travels of the tree itself, sorted by path."""
        return tuple(self._list(item) for item in self.seen.travels)

    def count_besides(self) -> tuple[int, int]:
        """How many files and links of companions travel, and the bytes that they have here."""
        found = (item.stat for each in self.seen.companions for item in each.travels)
        sizes = [record.st_size for record in found if entry_type(record.st_mode) != "dir"]
        return len(sizes), sum(sizes)

    def _list(self, item: Found) -> Listed:
        path, record = item
        # A scan has refused what is none of the three.
        kind = entry_type(record.st_mode) or "file"
        replaced = self.over.find(path)
        size = 0 if kind == "dir" else record.st_size if replaced is None else replaced.size
        return Listed(path, kind, size)


@uncollected()
def make_draft(
    tree: Path,
    selection: Selection = EVERYTHING,
    *,
    overlay: Path | None = None,
    changes: Mapping[str, Change] | None = None,
    companions_overlay: Path | None = None,
) -> Draft:
    """Look at ``tree``, and write the files that travel with other bytes; the arguments are those of `capture`.

    Raises `SnapshotRefused` with every reason, `TreeChanged`, `GitFailed`, and what ``changes`` raise.
    """
    began = time.time_ns()
    seen = scan(tree, selection)
    # What nobody was told of before must not be missing there.
    if refusals := [*seen.refusals, *map(refuse_unreadable, sorted(seen.closed))]:
        raise SnapshotRefused(refusals)
    since = time.time_ns()
    over = Overlay({**(changes or {}), **dict.fromkeys(seen.withheld, without_credentials)}, overlay)
    write_overlay(tree, seen.travels, over)
    return Draft(tree, selection, seen, over, began, since, companions_overlay)


def write_overlay(tree: Path, found: list[Found], over: Overlay) -> None:
    """Write those of ``found`` that travel with other bytes. Raises `SnapshotRefused`, `TreeChanged`."""
    with Beneath(tree) as below:
        for item in found if over.may_replace else ():
            if not over.concerns(item) or entry_type(item.stat.st_mode) != "file":
                continue
            try:
                where, name = below.at(item.path)
                data = read_file(name, where)
            except PermissionError as error:
                raise SnapshotRefused([refuse_unreadable(item.path)]) from error
            except OSError as error:
                raise tell_changed([item.path]) from error
            over.replace(item, data)
    over.finish(tree)
