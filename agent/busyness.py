"""How much work a process and all that it started have done: what tells a long build from one that hangs."""

import os
from pathlib import Path


def work_of(pid: int) -> float | None:
    """Seconds of processor time of ``pid`` and all its descendants that live; ``None`` where nobody says (no Linux).

    Source of the fields: man 5 proc, ``/proc/PID/stat``.
    """
    if not Path("/proc/self/stat").exists():
        return None
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry, "stat").read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or is somebody else's
        parents[int(entry.name)] = int(fields[1])
        # Of its children that have ended, too: a build is many short ones.
        ticks[int(entry.name)] = sum(int(field) for field in fields[11:15])
    return sum(ticks[each] for each in parents if _descends(each, pid, parents)) / os.sysconf("SC_CLK_TCK")


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    seen: set[int] = set()
    while pid not in seen and pid > 0:
        if pid == root:
            return True
        seen.add(pid)
        pid = parents.get(pid, 0)
    return False
