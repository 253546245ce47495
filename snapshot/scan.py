"""One look at a tree: what travels, what stays, what stands in the way. Nothing is read but names and status."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from snapshot.errors import SnapshotRefused
from snapshot.gitfiles import find_links, find_locks, find_settings
from snapshot.manifest import GitSummary, entry_type, in_git
from snapshot.refusal import Refusal
from snapshot.repository import find_tracked, has_repository, ignored_among, inspect, read_status
from snapshot.selection import EVERYTHING, Selection, choose, is_under, leave_out
from snapshot.walk import Found, show_path, walk

_EFFECTIVE = os.access in os.supports_effective_ids


class Scan(NamedTuple):
    """``travels`` is sorted by path; ``ignored``, ``left`` (by choice) and ``sockets`` (in ``.git``, or ignored) are
    paths that stay. ``included`` travels although git ignores it.

    ``withheld`` are settings files that hold credentials, with the names of what is left out of the copies that travel.
    """

    travels: list[Found]
    included: list[Found]
    ignored: frozenset[str]
    left: frozenset[str]
    sockets: list[str]
    git: GitSummary | None
    refusals: list[Refusal]
    withheld: dict[str, tuple[str, ...]]


def scan(tree: Path, selection: Selection = EVERYTHING) -> Scan:
    """Look at ``tree``. Raises `SnapshotRefused` if it is no directory, `GitFailed`, `TreeChanged`."""
    if not tree.is_dir():
        sentence = f"There is no folder {str(tree)!r}."
        raise SnapshotRefused([Refusal(code="no-tree", path="", sentence=sentence, way_out="Name an existing folder.")])
    refusals = inspect(tree)
    readable = has_repository(tree) and all(refusal.code != "git-broken" for refusal in refusals)
    status = read_status(tree) if readable else None
    ignored, included = choose(tree, status.ignored if status else frozenset(), selection)
    walked, unlisted = walk(tree, ignored)
    found, left = leave_out(walked, selection)
    special = [path for path, record in found if entry_type(record.st_mode) is None]
    staying = {path for path in special if in_git(path)}
    if status:
        staying |= ignored_among(tree, [path for path in special if path not in staying])
    refusals += [*find_locks(tree, found), *find_links(tree, found)]
    refusals += [_unreadable(path) for path in unlisted if not is_under(path, left)]
    if left and readable:
        refusals += [_tracked(path) for path in find_tracked(tree) if is_under(path, left)]
    for item in found:
        if item.path not in staying:
            refusals += _examine(item)
    travels = [item for item in found if item.path not in staying]
    refusals += [refusal for item in travels if (refusal := _check_access(tree, item))]
    settings = find_settings(tree, dict(travels))
    refusals += settings.refusals
    return Scan(
        travels,
        included,
        ignored,
        left,
        sorted(staying),
        status.summary if status else None,
        refusals,
        withheld=settings.withheld,
    )


def _examine(item: Found) -> list[Refusal]:
    path, record = item
    shown = show_path(path)
    refusals: list[Refusal] = []
    if entry_type(record.st_mode) is None:
        sentence = f"{shown!r} is a {_kind(record.st_mode)}, which cannot travel."
        refusals.append(Refusal(code="special-file", path=shown, sentence=sentence, way_out="Remove it or ignore it."))
    folder, _, name = shown.rpartition("/")
    if name.lower() == ".git" and shown != ".git" and not in_git(folder):
        refusals.append(
            Refusal(
                code="nested-repository",
                path=folder,
                sentence=f"{folder or '.'!r} is a git repository inside this one; its changes could not come home.",
                way_out="Ignore that folder, or move it out of this tree.",
            )
        )
    return refusals


def _check_access(tree: Path, item: Found) -> Refusal | None:
    if stat.S_ISREG(item.stat.st_mode) and not os.access(f"{tree}/{item.path}", os.R_OK, effective_ids=_EFFECTIVE):
        return _unreadable(item.path)
    return None


def _tracked(path: str) -> Refusal:
    shown = show_path(path)
    sentence = f"{shown!r} was chosen to stay here, but git tracks it: on the host it would look deleted."
    way_out = "Take it out of exclude, or out of the repository (git rm --cached)."
    return Refusal(code="tracked-excluded", path=shown, sentence=sentence, way_out=way_out)


def _unreadable(path: str) -> Refusal:
    shown = show_path(path)
    sentence = f"{shown!r} cannot be read."
    return Refusal(code="unreadable", path=shown, sentence=sentence, way_out="Change its mode, or ignore it.")


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "socket"
    return "pipe" if stat.S_ISFIFO(mode) else "device"
