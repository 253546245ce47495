"""What castoff may throw away, and the rule by which it may; told before anything goes.

Nothing is waste that a session needs to be whole again after a cut: what is held, offered or on its way is left alone,
and of an archived run the lease stays for good, because it refuses epochs that are over.
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from agent.events import Frozen

Item = TypeVar("Item")

DAY = 86400.0
OLD_DAYS = 30
"""Days after which something counts as old, where nothing else is asked for."""
KEPT_UNDOS = 10
"""Undos that are kept of a session, however old they are."""

WasteKind = Literal["undo", "transfer", "move-copy", "run", "arriving", "copy", "runtime"]
KINDS: dict[WasteKind, str] = {
    "undo": "what a pull replaced here",
    "transfer": "the rest of a move that was given up",
    "move-copy": "lists and copies of a move long over",
    "run": "an archived run",
    "arriving": "the rest of a handoff that was given up",
    "copy": "a copy of a project for its next handoff",
    "runtime": "a runtime of another version of castoff",
}
"""Each kind in words that go on after its name."""


class Waste(Frozen):
    """One thing that may go. ``name`` is its own among those of its kind on one machine; ``size`` is bytes, ``at`` the
    Unix time that its age counts from."""

    kind: WasteKind
    name: str
    size: int
    at: float

    @property
    def key(self) -> str:
        """Which it is on its machine."""
        return f"{self.kind}:{self.name}"


class Doomed(Frozen):
    """Something that may go, and the paths that go with it."""

    waste: Waste
    paths: tuple[str, ...]


def is_old(at: float, now: float, days: float) -> bool:
    """Whether something of the time ``at`` is older than so many days."""
    return now - at > days * DAY


def beyond_kept(newest_first: Sequence[Item], at: Callable[[Item], float], now: float, days: float) -> list[Item]:
    """Those that are neither among the last `KEPT_UNDOS` nor younger than so many days: the kinder rule counts."""
    return [item for item in newest_first[KEPT_UNDOS:] if is_old(at(item), now, days)]


def measure(paths: Iterable[Path]) -> int:
    """Bytes in files at and below ``paths``, no link followed; what cannot be looked into counts as nothing."""
    return sum(_measure(path) for path in paths)


def newest(path: Path, depth: int = 3) -> float:
    """The latest time of change of ``path`` and of what is in it, so many folders deep; 0 if it is gone."""
    try:
        record = path.lstat()
        inside = list(path.iterdir()) if depth and stat.S_ISDIR(record.st_mode) else []
    except FileNotFoundError:
        return 0.0
    return max([record.st_mtime, *(newest(each, depth - 1) for each in inside)])


def _measure(path: Path) -> int:
    try:
        record = path.lstat()
    except FileNotFoundError:
        return 0
    if not stat.S_ISDIR(record.st_mode):
        return record.st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(f"{folder}/{name}").st_size
            except FileNotFoundError:
                continue
    return total
