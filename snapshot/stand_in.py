"""Files that are too much to be kept for diffs: the trees of a store hold a stand-in for each, with size and time.

A change of such a file is told and not shown. So a base is made in a moment, whatever lies in the folder.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISREG, S_IXUSR
from typing import NamedTuple, cast

from snapshot.durable import write_durably
from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git
from snapshot.store import LARGE, join_names, run_in_store, split_names

MOST_FILES = 4_000
MOST_BYTES = 48_000_000
"""Of what no repository holds, so much at most is kept at once; the smallest files first."""
LONGEST = 100
"""Bytes of a stand-in, at most."""
_TEXT = re.compile(rb"castoff: not kept\nsize (\d+)\nmtime (-?\d+)\n")
_KNOWN = "castoff-not-kept.json"
"""In the store: which paths its index has a stand-in for. Written before the index: what it names too much is kept."""
_MARKS = "castoff-marks"


class StandIn(NamedTuple):
    """Size in bytes and time of a file that is not kept; no change is seen while both are the same."""

    size: int
    mtime_ns: int

    @property
    def text(self) -> bytes:
        """The blob that is in the tree for it."""
        return f"castoff: not kept\nsize {self.size}\nmtime {self.mtime_ns}\n".encode()


def read_stand_in(data: bytes) -> StandIn | None:
    """The stand-in that a blob is; None if it is none."""
    found = _TEXT.fullmatch(data)
    return StandIn(int(found[1]), int(found[2])) if found else None


def stand_for(tree: Path, path: str) -> StandIn | None:
    """The stand-in for a file as it is now; None if it is no file."""
    record = _look(tree, path)
    return StandIn(record.st_size, record.st_mtime_ns) if record else None


def spare_large(tree: Path, store: Path, *, force: bool) -> None:
    """Put stand-ins into the store's index for what would be too much to add, and take out those that are out of date.

    ``force``: also what is ignored would be added. Raises `GitFailed`, `OSError`.
    """
    known = _read_known(store)
    gone = [path for path, held in known.items() if stand_for(tree, path) != held]
    if gone:
        run_in_store(tree, store, "update-index", "--force-remove", "-z", "--stdin", stdin=join_names(gone))
        known = {path: held for path, held in known.items() if path not in set(gone)}
        _write_known(store, known)
    rules = () if force else ("--exclude-standard",)
    listed = split_names(run_in_store(tree, store, "ls-files", "--others", "--modified", "-z", *rules))
    spare(tree, store, set(listed) - known.keys())


def spare(tree: Path, store: Path, paths: Iterable[str]) -> None:
    """Put stand-ins into the store's index for those of ``paths`` that are too much to add, and for those that had one.

    Raises `GitFailed`, `OSError`.
    """
    known = _read_known(store)
    found = {path: record for path in paths if (record := _look(tree, path)) is not None}
    again = [path for path, record in found.items() if known.get(path) == (record.st_size, record.st_mtime_ns)]
    sizes = {path: record.st_size for path, record in found.items()}
    for path in again:
        del sizes[path]
    spared = {path: found[path] for path in [*again, *_too_much(sizes)]}
    if spared:
        new = {path: StandIn(record.st_size, record.st_mtime_ns) for path, record in spared.items()}
        _write_known(store, {**known, **new})
        _put(tree, store, new, {path for path, record in spared.items() if record.st_mode & S_IXUSR})


def forget_stand_ins(store: Path) -> None:
    """The store's index is made anew."""
    (store / _KNOWN).unlink(missing_ok=True)


def stand_ins(store: Path) -> frozenset[str]:
    """The paths of which the store's index has a stand-in."""
    return frozenset(_read_known(store))


def _too_much(sizes: dict[str, int]) -> Iterator[str]:
    files, total = 0, 0
    for path in sorted(sizes, key=lambda path: (sizes[path], path)):
        files, total = files + 1, total + sizes[path]
        if sizes[path] > LARGE or files > MOST_FILES or total > MOST_BYTES:
            yield path


def _put(tree: Path, store: Path, new: dict[str, StandIn], executable: set[str]) -> None:
    marks = store / _MARKS
    blobs = b"".join(
        b"blob\nmark :%d\ndata %d\n%b\n" % (number, len(held.text), held.text)
        for number, held in enumerate(new.values(), 1)
    )
    try:
        git("fast-import", "--quiet", f"--export-marks={marks}", git_dir=store, stdin=blobs, environment=OWN_CONFIG)
        ids = dict(line.split(" ") for line in marks.read_text().splitlines())
    finally:
        marks.unlink(missing_ok=True)
    lines = [
        f"{'100755' if path in executable else '100644'} {ids[f':{number}']}\t".encode() + os.fsencode(path) + b"\0"
        for number, path in enumerate(new, 1)
    ]
    run_in_store(tree, store, "update-index", "--replace", "-z", "--index-info", stdin=b"".join(lines))
    # Else git would take each for changed, and add it.
    run_in_store(tree, store, "update-index", "--assume-unchanged", "-z", "--stdin", stdin=join_names(new))


def _look(tree: Path, path: str) -> os.stat_result | None:
    try:
        record = os.lstat(f"{tree}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    return record if S_ISREG(record.st_mode) else None


def _read_known(store: Path) -> dict[str, StandIn]:
    file = store / _KNOWN
    if not file.exists():
        return {}
    try:
        rows = cast("dict[str, tuple[int, int]]", json.loads(file.read_bytes()))
        return {path: StandIn(*row) for path, row in rows.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise GitFailed("What is not kept for diffs cannot be read.", "It is made anew with the next look.") from error


def _write_known(store: Path, known: dict[str, StandIn]) -> None:
    write_durably(store / _KNOWN, json.dumps(known, separators=(",", ":")).encode())
