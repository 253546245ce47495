"""What would travel and what would stay, told before anything moves. No file is read."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from snapshot.companion_scan import CompanionScan
from snapshot.drivers import find_drivers
from snapshot.errors import TreeChanged
from snapshot.git_stays import git_stays
from snapshot.manifest import Frozen, GitSummary, entry_type, in_git
from snapshot.names import Name
from snapshot.refusal import Kept, Refusal
from snapshot.scan import Scan, scan
from snapshot.selection import EVERYTHING, Selection, check_pattern
from snapshot.walk import Found, show_path, walk

_IGNORED = "ignored by git"
_LEFT = "left here by choice"
_INCLUDED = "ignored by git, and included by choice"
_CLOSED = "it cannot be read, so it stays"
_PASSING = "it came and went while the folder was looked at"
_SCANS = 4
_LONGEST_PATTERNS = 10_000
"""Characters in the patterns of one class that can be asked for: they are an argument of a command on the host."""


class Survey(Frozen):
    """``files`` and ``size`` (bytes) of all that travels; ``summary`` is None without a repository.

    ``companions`` are the directories outside the tree that travel with it, as lines for the user, and ``beside`` the
    paths by which they are named. ``git`` is one line for the user. ``stays`` is sorted by size, the largest first, and
    so is ``included``: what travels although git ignores it. With ``refusals`` a capture would raise `SnapshotRefused`.
    """

    files: int
    size: int
    git: str
    summary: GitSummary | None = None
    stays: tuple[Kept, ...] = ()
    included: tuple[Kept, ...] = ()
    companions: tuple[Kept, ...] = ()
    beside: tuple[Name, ...] = ()
    closed: tuple[str, ...] = ()
    """Paths that cannot be read: a capture refuses what is neither readable nor left by the selection."""
    programs: tuple[str, ...] = ()
    """What git's filters run for files of the tree, as LFS does: names or absolute paths."""
    refusals: tuple[Refusal, ...] = ()


def survey(tree: Path, selection: Selection = EVERYTHING) -> Survey:
    """Look at ``tree`` without reading files. Raises `SnapshotRefused` if there is none, `GitFailed`, `TreeChanged`."""
    return survey_with_scan(tree, selection)[0]


def survey_with_scan(tree: Path, selection: Selection = EVERYTHING) -> tuple[Survey, Scan]:
    """`survey`, and the look at the tree that it tells of: for who needs more of it. Raises what `survey` does."""
    seen, gone = _scan_patiently(tree, selection)
    return _tell(tree, seen, gone), seen


def _tell(tree: Path, seen: Scan, gone: set[str]) -> Survey:
    kept = [
        *_count(tree, seen.ignored, _IGNORED),
        *_count(tree, seen.left, _LEFT),
        *_sockets(seen.sockets),
        *_closed(tree, seen.closed),
        *(Kept(what=show_path(path), why=_PASSING, lost=True) for path in sorted(gone) if not in_git(path)),
        *_links(seen),
        *_attributes(tree, seen),
    ]
    drivers = find_drivers(tree, seen)
    kept += [*git_stays(tree, seen), *(_own_driver(name) for name in drivers.own)]
    companions = [_count_companion(companion) for companion in seen.companions]
    sizes = _sizes(seen.travels)
    return Survey(
        files=len(sizes) + sum(companion.files for companion in companions),
        size=sum(sizes) + sum(companion.size for companion in companions),
        git=_line(seen),
        summary=seen.git,
        stays=_sort(kept),
        included=_sort(_sum_included(seen.included)),
        companions=_sort(companions),
        beside=tuple(str(at) for each in seen.companions for at in (each.beside.at, *each.beside.also)),
        closed=tuple(sorted(seen.closed)),
        programs=drivers.programs,
        refusals=tuple(seen.refusals),
    )


def _scan_patiently(tree: Path, selection: Selection) -> tuple[Scan, set[str]]:
    """The scan, and what came and went while it was made; raises `TreeChanged` where that does not end."""
    gone = set[str]()
    for attempt in range(_SCANS):
        try:
            return scan(tree, selection), gone
        except TreeChanged as error:
            if attempt == _SCANS - 1:
                raise
            gone.update(error.paths)
    raise AssertionError("the last attempt returns or raises")


def _closed(tree: Path, paths: Iterable[str]) -> list[Kept]:
    """What cannot be read, each by itself; of a folder nobody knows what is in it."""
    kept: list[Kept] = []
    for path in sorted(paths):
        what, inside = show_path(path), (tree / path).lstat()
        folder = entry_type(inside.st_mode) == "dir"
        size = 0 if folder else inside.st_size
        kept.append(Kept(what=f"{what}/" if folder else what, why=_CLOSED, files=int(not folder), size=size, lost=True))
    return kept


def _sizes(found: Iterable[Found]) -> list[int]:
    return [item.stat.st_size for item in found if entry_type(item.stat.st_mode) != "dir"]


def _count_companion(companion: CompanionScan) -> Kept:
    beside, sizes = companion.beside, _sizes(companion.travels)
    why = f"outside the folder, and {show_path(beside.dot_git)} needs it: it travels as well"
    return Kept(what=beside.shown, why=why, files=len(sizes), size=sum(sizes))


def _own_driver(name: str) -> Kept:
    why = "it is set in git settings of your own, which stay: the host needs it in its own"
    return Kept(what=f"git filter {show_path(name)}", why=why)


def _line(seen: Scan) -> str:
    own = seen.git.line if seen.git else "no git repository: the folder alone travels"
    if not seen.inner:
        return own
    word = "repository" if len(seen.inner) == 1 else "repositories"
    return f"{own} · {len(seen.inner)} {word} inside"


def _sort(kept: Iterable[Kept]) -> tuple[Kept, ...]:
    return tuple(sorted(kept, key=lambda item: -item.size))


def _sum_included(included: Iterable[Found]) -> list[Kept]:
    """What is included, by the first part of its path."""
    counts: dict[str, tuple[int, int]] = {}
    for path, record in included:
        if entry_type(record.st_mode) == "dir":
            continue
        top, below, _ = path.partition("/")
        what = top + below
        files, size = counts.get(what, (0, 0))
        counts[what] = (files + 1, size + record.st_size)
    return [Kept(what=show_path(what), why=_INCLUDED, files=files, size=size) for what, (files, size) in counts.items()]


def _count(tree: Path, staying: Iterable[str], why: str) -> list[Kept]:
    """Paths that stay by class: a directory's name, a file's suffix, else its name."""
    counts: dict[str, tuple[int, int]] = {}
    patterns: dict[str, list[str]] = {}
    for path in sorted(staying):
        what, inside = _classify(tree, path)
        patterns.setdefault(what, []).append(_pattern(path))
        files, size = counts.get(what, (0, 0))
        sizes = _sizes(inside)
        counts[what] = (files + len(sizes), size + sum(sizes))
    return [
        Kept(
            what=show_path(what),
            why=why,
            files=files,
            size=size,
            patterns=_if_sound(patterns[what]) if why == _IGNORED else (),
        )
        for what, (files, size) in counts.items()
    ]


def _pattern(path: str) -> str:
    """The gitignore pattern for exactly ``path``."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", path)


def _if_sound(patterns: list[str]) -> tuple[str, ...]:
    sound = sum(map(len, patterns)) <= _LONGEST_PATTERNS and not any(check_pattern(pattern) for pattern in patterns)
    return tuple(patterns) if sound else ()


def _classify(tree: Path, path: str) -> tuple[str, list[Found]]:
    name = PurePosixPath(path)
    try:
        record = (tree / path).lstat()
        if entry_type(record.st_mode) == "dir":
            return f"{name.name}/", walk(tree / path).found
    except (FileNotFoundError, NotADirectoryError, TreeChanged):
        # It stays, so a build that is at work in it is no reason to stop: it is only not counted.
        return name.name, []
    return (f"*{name.suffix}" if name.suffix else name.name), [Found(path, record)]


def _sockets(paths: list[str]) -> list[Kept]:
    return [
        Kept(what=show_path(path), why="a socket, pipe or device belongs to this machine", files=1) for path in paths
    ]


def _links(seen: Scan) -> list[Kept]:
    several = [item for item in seen.travels if item.stat.st_nlink > 1 and entry_type(item.stat.st_mode) == "file"]
    outside = [item for item in several if not in_git(item.path)]
    if not outside:
        return []
    return [Kept(what="hard links", why="each name travels as a file of its own", files=len(outside))]


def _attributes(tree: Path, seen: Scan) -> list[Kept]:
    if not hasattr(os, "listxattr"):
        return []
    marked = sum(_has_attributes(f"{tree}/{item.path}") for item in seen.travels if not in_git(item.path))
    return [Kept(what="extended attributes", why="only content, mode and time travel", files=marked)] if marked else []


def _has_attributes(file: str) -> bool:
    try:
        return any(not name.startswith("security.") for name in os.listxattr(file, follow_symlinks=False))
    except OSError:
        return False
