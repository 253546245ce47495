"""One look at a tree: what travels, what stays, what stands in the way. Nothing is read but names and status."""

import stat
from pathlib import Path
from typing import NamedTuple

from snapshot.access import find_closed, part_closed
from snapshot.companion_scan import CompanionScan, scan_companion
from snapshot.companions import find_companions, find_pointers
from snapshot.errors import SnapshotRefused
from snapshot.gitfiles import find_links, find_locks, find_settings
from snapshot.manifest import GitSummary, Pointer, entry_type, in_git
from snapshot.refusal import Refusal
from snapshot.repository import has_repository, surrounding
from snapshot.roots import Roots, ignored_in
from snapshot.selection import EVERYTHING, Selection, is_under, leave_out
from snapshot.walk import Found, show_path, walk


class Scan(NamedTuple):
    """``travels`` is sorted by path; ``ignored``, ``left`` (by choice) and ``sockets`` (in ``.git``, or ignored) are
    paths that stay, and so are ``closed``: nobody chose that, they cannot be read. ``included`` travels although git
    ignores it.

    ``git`` is how the tree's own repository stands, ``inner`` how those in it do, by path.
    ``withheld`` are settings files that hold credentials, with the names of what is left out of the copies that travel.
    ``companions`` travel beside the tree, ``pointers`` are of worktrees elsewhere.
    """

    travels: list[Found]
    included: list[Found]
    ignored: frozenset[str]
    left: frozenset[str]
    sockets: list[str]
    closed: frozenset[str]
    git: GitSummary | None
    inner: dict[str, GitSummary]
    refusals: list[Refusal]
    withheld: dict[str, tuple[str, ...]]
    companions: list[CompanionScan]
    pointers: tuple[Pointer, ...]


def scan(tree: Path, selection: Selection = EVERYTHING) -> Scan:
    """Look at ``tree``. Raises `SnapshotRefused` if it is no directory, `GitFailed`, `TreeChanged`, `OSError`."""
    if not tree.is_dir():
        sentence = f"There is no folder {str(tree)!r}."
        raise SnapshotRefused([Refusal(code="no-tree", path="", sentence=sentence, way_out="Name an existing folder.")])
    roots = Roots(tree, selection)
    walked, unlisted = walk(tree, enter=roots.enter)
    found, left = leave_out(walked, selection)
    roots.forget(left)
    refusals = list(roots.refusals)
    if not has_repository(tree):
        refusals += surrounding(tree)
    besides, elsewhere = find_companions(tree, roots.needs)
    companions = [scan_companion(beside) for beside in besides]
    refusals += [*elsewhere, *(refusal for companion in companions for refusal in companion.refusals)]
    special = _find_special(found)
    staying = {path for path in special if in_git(path)}
    staying |= ignored_in(tree, roots.statuses, [path for path in special if path not in staying])
    # Of very many files these are few; what looks at them looks closer.
    gits = [item for item in found if ".git" in item[0]]
    refusals += [*find_locks(tree, gits), *find_links(tree, gits)]
    if left:
        refusals += [_tracked(path) for path in roots.tracked() if is_under(path, left)]
    odd = {*special, *(path for path, _ in found if path[-1] in "tT" and path[-4:].lower() == ".git")}
    for item in [item for item in found if item.path in odd] if odd else ():
        if item.path not in staying:
            refusals += _examine(item)
    travels = [item for item in found if item.path not in staying] if staying else found
    unread = [*(path for path in unlisted if not is_under(path, left)), *find_closed(tree, travels)]
    shut, closed = part_closed(unread, roots.tracked() if unread else ())
    refusals += shut
    travels = [item for item in travels if not is_under(item.path, closed)] if closed else travels
    settings = find_settings(tree, dict(travels))
    return Scan(
        travels,
        sorted(roots.included),
        frozenset(roots.ignored),
        left,
        sorted(staying),
        closed,
        roots.own,
        roots.inner,
        [*refusals, *settings.refusals],
        settings.withheld,
        companions,
        find_pointers(tree, roots.needs),
    )


def _find_special(found: list[Found]) -> list[str]:
    """What is neither a file nor a folder nor a link."""
    # Mostly nothing is, which is seen from all kinds at once.
    if all(entry_type(kind) for kind in {*map(stat.S_IFMT, [record.st_mode for _, record in found])}):
        return []
    return [path for path, record in found if entry_type(record.st_mode) is None]


def _examine(item: Found) -> list[Refusal]:
    path, record = item
    special, named = entry_type(record.st_mode) is None, path.rpartition("/")[2].lower().endswith(".git")
    if not special and not named:
        return []
    shown = show_path(path)
    refusals: list[Refusal] = []
    if special:
        sentence = f"{shown!r} is a {_kind(record.st_mode)}, which cannot travel."
        refusals.append(Refusal(code="special-file", path=shown, sentence=sentence, way_out="Remove it or ignore it."))
    if shown.rpartition("/")[2].lower() == ".git" and not in_git(path):
        sentence = f"Some systems take {shown!r} for a git repository's own files; changes in it could not come home."
        refusals.append(Refusal(code="git-name", path=shown, sentence=sentence, way_out="Rename it or ignore it."))
    return refusals


def _tracked(path: str) -> Refusal:
    shown = show_path(path)
    sentence = f"{shown!r} was chosen to stay here, but git tracks it: on the host it would look deleted."
    way_out = "Take it out of exclude, or out of the repository (git rm --cached)."
    return Refusal(code="tracked-excluded", path=shown, sentence=sentence, way_out=way_out)


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "socket"
    return "pipe" if stat.S_ISFIFO(mode) else "device"
