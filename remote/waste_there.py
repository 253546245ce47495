"""What may be thrown away on a host: archived runs, rests of moves, copies of projects, runtimes that nothing uses."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from agent.errors import NotOwner, RecordDamaged
from agent.lease import Lease
from agent.paths import state_dir
from agent.runner_lock import is_served
from agent.sessions import open_session
from remote import settings_protocol as protocol
from remote.boot import read_hook
from remote.host_install import MARKER
from remote.host_lease import change_lease, known_lease
from remote.keeper import find_keeper
from remote.mirror import drop_mirror, list_mirrors
from remote.processes import list_command_lines
from remote.waste import Doomed, Waste, WasteKind, is_old, measure, newest
from snapshot.replica import remove_tree

_LASTING = ("lease.json", "move.lock", "runner.lock", "keeper.lock")
"""What stays of an archived run: its lease refuses epochs that are over, and a lock is one file for ever."""
_GONE = ".gone-"


async def sweep(request: protocol.Sweep) -> protocol.Swept:
    """Answer a request: tell what may go, or remove it."""
    if request.remove is None:
        found = await asyncio.to_thread(find_there, request.days, request.waiting)
    else:
        found = await asyncio.to_thread(remove_there, request.remove, request.days, request.waiting)
    return protocol.Swept(waste=found)


def find_there(days: float, waiting: Collection[str]) -> tuple[Waste, ...]:
    """What is older than ``days`` and may go; ``waiting`` are runs that somebody still waits to hand over here."""
    return tuple(doomed.waste for doomed in _find(days, waiting))


def remove_there(keys: Collection[str], days: float, waiting: Collection[str]) -> tuple[Waste, ...]:
    """Remove what `find_there` told by these keys, as far as it still may go; what went. Raises `OSError`."""
    gone: list[Waste] = []
    for doomed in _find(days, waiting):
        if doomed.waste.key not in keys:
            continue
        removed = _remove_run(doomed) if doomed.waste.kind == "run" else _remove(doomed)
        gone += [doomed.waste] if removed else []
    return tuple(gone)


def _find(days: float, waiting: Collection[str]) -> Iterator[Doomed]:
    yield from _runs(days)
    yield from _arriving(waiting)
    yield from _packed()
    yield from _cut_removals()
    for mirror, at in list_mirrors():
        if is_old(at, time.time(), days):
            yield _doom("copy", mirror.name, at, [mirror])
    yield from _runtimes(days)


def _runs(days: float) -> Iterator[Doomed]:
    for run_id, lease in _leases():
        at = _time(_session(run_id) / "lease.json")
        paths = _parts(run_id)
        if paths and _is_archived(run_id, lease) and is_old(at, time.time(), days):
            yield _doom("run", run_id, at, paths)


def _is_archived(run_id: str, lease: Lease | None) -> bool:
    """Whether the run lives elsewhere for certain, and nothing of it comes or is at work here."""
    if lease is None or lease.state not in ("away", "released") or (state_dir() / "incoming" / run_id).exists():
        return False
    session = _session(run_id)
    if find_keeper(session) is not None:
        return False
    return not ((session / "session.json").exists() and is_served(open_session(session)))


def _parts(run_id: str) -> list[Path]:
    """Everything of a run but its lease; its tree and HOME last, so that it is found again after a cut."""
    session, state = _session(run_id), state_dir()
    kept = [path for path in session.iterdir() if path.name not in _LASTING]
    folders = (state / name / run_id for name in ("companions", "homes", "trees"))
    beside = [state / "leftovers" / f"{run_id}.json", *folders]
    return [*kept, *(path for path in beside if os.path.lexists(path))]


def _arriving(waiting: Collection[str]) -> Iterator[Doomed]:
    """What was sent and given up: nobody waits to offer it, and no transfer, however long it takes, writes there."""
    folder = state_dir() / "incoming"
    for path in folder.iterdir() if folder.is_dir() else ():
        at = newest(path)
        if path.name not in waiting and is_old(at, time.time(), 1) and not _is_named(path):
            yield _doom("arriving", path.name, at, [path])


def _is_named(path: Path) -> bool:
    """Whether a process of this user was started with ``path``, or what is in it."""
    return any(f"{path}/" in line for line in list_command_lines())


def _packed() -> Iterator[Doomed]:
    """What was made ready for a pull that did not come about; the next one makes it anew."""
    for run_id, lease in _leases():
        paths = [path for name in ("parcel", "bundle") if (path := _session(run_id) / name).is_dir()]
        at = max(map(newest, paths), default=0.0)
        if paths and lease is not None and lease.state == "held" and is_old(at, time.time(), 1):
            yield _doom("transfer", run_id, at, paths)


def _cut_removals() -> Iterator[Doomed]:
    """What a removal that was cut had put aside."""
    for folder in ("companions", "homes", "trees"):
        for path in (state_dir() / folder).glob(f"{_GONE}*"):
            yield _doom("transfer", f"{folder}/{path.name}", _time(path), [path])


def _leases() -> Iterator[tuple[str, Lease | None]]:
    folder = state_dir() / "sessions"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        # One whose lease cannot be read keeps everything.
        with contextlib.suppress(RecordDamaged):
            yield path.name, known_lease(path.name)


def _runtimes(days: float) -> Iterator[Doomed]:
    """Runtimes of other versions; never this one, and none that a process of this user or the next restart needs."""
    own = Path(sys.prefix).parent
    if not (own / MARKER).is_file():
        return
    others = [path for path in own.parent.iterdir() if path != own and _is_runtime(path)]
    hook = read_hook(state_dir())
    lines = "\n".join((*list_command_lines(), *(hook.command if hook else ()))) if others else ""
    for path in others:
        at = _time(path / MARKER)
        if is_old(at, time.time(), days) and f"{path}/" not in lines:
            yield _doom("runtime", path.name, at, [path])


def _is_runtime(path: Path) -> bool:
    try:
        return "runtime_id" in json.loads((path / MARKER).read_text())
    except (OSError, ValueError):
        return False


def _remove_run(doomed: Doomed) -> bool:
    """Whether it went: nobody else decides about the run meanwhile."""
    run_id = doomed.waste.name

    def clear(lease: Lease | None) -> Lease:
        if lease is None or not _is_archived(run_id, lease):
            raise NotOwner(f"The run {run_id} is wanted again.")
        for path in map(Path, doomed.paths):
            _drop(path)
        return lease

    try:
        change_lease(run_id, clear)
    except NotOwner:
        return False
    return True


def _remove(doomed: Doomed) -> bool:
    if doomed.waste.kind == "copy":
        return drop_mirror(doomed.waste.name)
    for path in map(Path, doomed.paths):
        _drop(path)
    return True


def _drop(path: Path) -> None:
    """Remove a folder by another name first: whoever wants it meanwhile finds it whole or not at all."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    doomed = path.with_name(f"{_GONE}{path.name}.{time.time_ns():x}")
    path.rename(doomed)
    remove_tree(doomed)


def _session(run_id: str) -> Path:
    return state_dir() / "sessions" / run_id


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _doom(kind: WasteKind, name: str, at: float, paths: list[Path]) -> Doomed:
    return Doomed(waste=Waste(kind=kind, name=name, size=measure(paths), at=at), paths=tuple(map(str, paths)))
