"""The places at which a command may die or be refused: each call that leaves something behind, on either side."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tests.kills.tracing import Call

Side = Literal["here", "there"]
Harm = Literal["KILL", "ENOSPC", "EIO"]

_HARMS: dict[str, tuple[Harm, ...]] = {
    "write": ("KILL", "ENOSPC"),
    "openat": ("KILL", "ENOSPC"),
    "fsync": ("KILL", "EIO"),
    "rename": ("KILL", "EIO"),
    "renameat": ("KILL", "EIO"),
    "close": ("KILL",),
    "sendto": ("KILL",),
}
_WRITABLE = re.compile("O_WRONLY|O_RDWR")
_LOCKS = ("/runner.lock", "/move.lock", "/keeper.lock")
_MOVE = re.compile(r"(?<=/moves/)\d+")


class Point(NamedTuple):
    """The ``number``-th call of its kind on ``path`` in one thread; without a path, in the whole of one.

    The path is the one by which strace knows the call: of a rename the old name, of what is named relative to an open
    folder that folder. It names the epoch of a move as its distance from the one that the session had before.
    """

    command: str
    side: Side
    call: str
    path: str
    number: int

    def options(self, harm: Harm, epoch: int) -> list[str]:
        """What strace is told to do ``harm`` there."""
        how = "signal=SIGKILL" if harm == "KILL" else f"error={harm}"
        path = _MOVE.sub(lambda found: str(int(found[0]) + epoch), self.path)
        return [*(("-P", path) if path else ()), "-e", f"inject={self.call}:{how}:when={self.number}"]


def harms(point: Point) -> tuple[Harm, ...]:
    """What may happen there."""
    return _HARMS[point.call] if point.path else ("KILL",)


def enumerate_points(
    command: str, side: Side, calls: Iterable[Call], folders: Sequence[Path], epoch: int
) -> set[Point]:
    """All points of a trace: what is done to files below ``folders``, and what is said to others."""
    below = tuple(f"{folder}/" for folder in folders)
    of_path, of_thread = Counter[tuple[int, str, str]](), Counter[tuple[int, str]]()
    points: set[Point] = set()
    written: set[tuple[int, int | None]] = set()
    for call in calls:
        if call.name == "openat":
            (written.add if _WRITABLE.search(call.text) else written.discard)((call.thread, call.result))
        if call.name not in _HARMS:
            continue
        of_thread[call.thread, call.name] += 1
        if call.to_others and _is_link(side, call):
            points.add(Point(command, side, call.name, "", of_thread[call.thread, call.name]))
        for path in set(call.keys):
            of_path[call.thread, call.name, path] += 1
        if call.keys and f"{call.keys[0]}/".startswith(below) and _leaves_traces(call, written):
            path = call.keys[0]
            points.add(Point(command, side, call.name, _shift(path, epoch), of_path[call.thread, call.name, path]))
    return points


def _leaves_traces(call: Call, written: set[tuple[int, int | None]]) -> bool:
    """Whether it changes a file, or ends its changing: who only reads or locks leaves nothing half done."""
    if call.path.endswith(_LOCKS):
        return False
    if call.name == "openat":
        return call.creates
    return call.name != "close" or (call.thread, call.descriptor) in written


def _is_link(side: Side, call: Call) -> bool:
    """Whether it is the link between the two sides: a socket here, standard output there."""
    return call.name == "sendto" if side == "here" else call.descriptor == 1


def _shift(path: str, epoch: int) -> str:
    return _MOVE.sub(lambda found: str(int(found[0]) - epoch), path)
