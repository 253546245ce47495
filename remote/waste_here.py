"""What may be thrown away on the user's own machine: old undos, and the rests of moves that were given up."""

import contextlib
import os
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.errors import RecordDamaged, RunnerBusy
from agent.lease import read_lease
from agent.paths import state_dir
from agent.runner_lock import hold_move
from agent.sessions import SessionDir, list_sessions
from remote.undo import BUNDLE, Pull, list_pulls
from remote.waste import KEPT_UNDOS, OLD_DAYS, Doomed, Waste, WasteKind, beyond_kept, is_old, measure, newest
from snapshot.errors import UndoDamaged
from snapshot.texts import Folders


class _Found(NamedTuple):
    session: SessionDir
    doomed: Doomed


def find_here(days: float = OLD_DAYS) -> tuple[Waste, ...]:
    """What is older than ``days`` and may go. Reads records and sizes only."""
    return tuple(found.doomed.waste for found in _find(days))


def remove_here(keys: Collection[str], days: float = OLD_DAYS) -> tuple[Waste, ...]:
    """Remove what `find_here` told by these keys, as far as it still may go; what went. Raises `OSError`.

    What belongs to a session that is being moved at this moment stays.
    """
    gone: list[Waste] = []
    for found in _find(days):
        if found.doomed.waste.key not in keys:
            continue
        with contextlib.suppress(RunnerBusy), hold_move(found.session):
            if found.doomed.waste.key in {again.waste.key for again in _find_of(found.session, days)}:
                _remove(found.doomed)
                gone.append(found.doomed.waste)
    return tuple(gone)


def prune_moves(session: SessionDir) -> None:
    """Drop of ``session`` what nobody will want: old undos, of which the last ten stay and what is younger than thirty
    days, and the copies of moves long over. The caller holds the move's lock. Raises `OSError`, `UndoDamaged`."""
    for doomed in (*_undos(session, OLD_DAYS), *_copies(session)):
        _remove(doomed)


def _find(days: float) -> Iterator[_Found]:
    for session in list_sessions(state_dir()):
        # A session whose records cannot be read keeps everything: `castoff runs` tells of it.
        with contextlib.suppress(RecordDamaged, UndoDamaged):
            yield from [_Found(session, doomed) for doomed in _find_of(session, days)]


def _find_of(session: SessionDir, days: float) -> list[Doomed]:
    return [*_undos(session, days), *_transfers(session), *_copies(session)]


def _undos(session: SessionDir, days: float) -> Iterator[Doomed]:
    settled = [pull for pull in list_pulls(session) if pull.state != "cut"]
    for pull in beyond_kept(settled, _at, time.time(), days):
        move = Path(pull.keep).parent
        folders = Folders(move)
        # Last what makes it an undo: cut in between, it is found again.
        paths = [folders.run, folders.here, folders.left, folders.merged, move / "open.txt", move / BUNDLE]
        paths.append(folders.keep)
        yield _doom("undo", f"{session.id}/{move.name}", pull.at, [path for path in paths if os.path.lexists(path)])


def _at(pull: Pull) -> float:
    return pull.at


def _transfers(session: SessionDir) -> Iterator[Doomed]:
    """Parcels and the like of moves that ended otherwise, while the session is here and waits for nothing."""
    moves = session.path / "moves"
    if read_lease(session).state != "held" or not moves.is_dir():
        return
    for move in moves.iterdir():
        paths = [move / name for name in ("parcel", "overlay", "companions") if (move / name).is_dir()]
        at = max((newest(path) for path in paths), default=0.0)
        if paths and is_old(at, time.time(), 1):
            yield _doom("transfer", f"{session.id}/{move.name}", at, paths)


def _copies(session: SessionDir) -> Iterator[Doomed]:
    """Manifests, and the agent's own files as they were before a pull, of all moves but the last there and back.

    Each is as large as the session is by then: kept for ever, they would grow with the square of its moves.
    """
    moves = session.path / "moves"
    names = [move.name for move in moves.iterdir()] if moves.is_dir() else []
    over = sorted((int(name) for name in names if name.isdecimal()), reverse=True)
    for move in (moves / str(epoch) for epoch in over[2 * KEPT_UNDOS :]):
        paths = [path for name in ("manifest.json", "home-before") if os.path.lexists(path := move / name)]
        if paths:
            yield _doom("move-copy", f"{session.id}/{move.name}", max(map(newest, paths)), paths)


def _doom(kind: WasteKind, name: str, at: float, paths: list[Path]) -> Doomed:
    return Doomed(waste=Waste(kind=kind, name=name, size=measure(paths), at=at), paths=tuple(map(str, paths)))


def _remove(doomed: Doomed) -> None:
    for path in map(Path, doomed.paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
