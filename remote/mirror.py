"""Mirrors: warm copies of projects on their host, so that the next handoff of one sends only what changed.

``mirrors/<key>/`` is laid out like ``incoming/<run>/``: ``tree``, ``parcel`` with the tree's manifest, and the
statement how much of that it holds (`remote.holding`). A handoff takes the whole directory by one rename, and what it
is sent corrects it; when its run has begun, a new mirror is made beside it, by a process that nobody waits for. Its
source is the run's tree, in which an agent is at work by then: therefore each file is copied by its digest in the
manifest, and one that is not, or no longer, what travelled is left out. Nothing is linked: what an agent writes must
not appear in another run's tree.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.durable import make_private, rename_durably
from agent.paths import state_dir
from agent.sessions import SessionDir
from remote.holding import Holding, state_holding
from remote.place import Place, companions_path, read_place
from snapshot.errors import ManifestDamaged
from snapshot.manifest import Manifest, read_manifest, write_manifest
from snapshot.replica import copy_verified, remove_tree

KEPT = 8
"""Mirrors kept on a host; the one that was made longest ago goes first."""
_KEPT_SECONDS = 30 * 86400.0
_RESERVE = 2 << 30
"""Bytes that a mirror leaves free: it only saves time."""


def mirror_path(project: str) -> Path:
    """Where the mirror of the project with this path on the user's own machine is kept."""
    return _mirrors() / hashlib.blake2b(os.fsencode(project), digest_size=12).hexdigest()


def take_mirror(project: str, incoming: Path) -> bool:
    """Make the mirror of ``project`` the directory ``incoming``, which must not exist; whether there was one."""
    try:
        rename_durably(mirror_path(project), incoming)
    except FileNotFoundError:
        return False
    return True


def start_mirror(session: SessionDir) -> None:
    """Start a process that makes the mirror of the run's project and outlives this one."""
    with (session.path / "mirror.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "remote.runner_cli", "mirror", str(session.path)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process.returncode = 0  # ours no longer: it lives on, and Popen must not warn about that


def make_mirror(session: SessionDir) -> bool:
    """Make the mirror of the run's project from the run's tree, as far as that still is what arrived.

    False if there is no room, if the run is not here (any more), or if somebody already waits to make it. Raises
    `OSError`, `ManifestDamaged`.
    """
    place = read_place(session)
    if place is None:
        return False
    mirror = mirror_path(session.info.project)
    with ExitStack() as turn:
        if not (in_line := turn.enter_context(_in_line(session))):
            return False
        turn.enter_context(_alone())
        # What travels from here on is newer than what is copied now: whoever comes with it waits again.
        in_line.close()
        manifest = read_manifest(session.path / "manifest.json")
        if _manifest_of(mirror) == manifest.digest:
            os.utime(mirror)
            return True
        _prune(KEPT - 1, except_for=mirror)
        if shutil.disk_usage(mirror.parent).free < manifest.all_size + _RESERVE:
            return False
        _replace(mirror, _fill(mirror.with_suffix(".new"), session.id, place, manifest))
    return True


def forget_mirrors() -> int:
    """Remove all mirrors; how many there were. The next handoff of each project sends everything."""
    with _alone():
        return _prune(0)


def list_mirrors() -> tuple[tuple[Path, float], ...]:
    """All mirrors, unfinished ones too, each with the Unix time at which it was made."""
    return tuple(
        (path, record.st_mtime)
        for path in sorted(_mirrors().iterdir())
        if stat.S_ISDIR((record := path.lstat()).st_mode)
    )


def drop_mirror(name: str) -> bool:
    """Remove one of `list_mirrors` by its name; whether it still was there."""
    with _alone():
        path = _mirrors() / name
        if not path.is_dir():
            return False
        _drop(path)
        return True


def _fill(fresh: Path, session_id: str, place: Place, manifest: Manifest) -> Path:
    """The copy in the making; without files that the run has changed."""
    remove_tree(fresh)
    left_out = copy_verified(Path(place.tree), manifest, make_private(fresh) / "tree")
    write_manifest(make_private(fresh / "parcel") / "manifest.json", manifest)
    state_holding(fresh, Holding(digest=manifest.digest, without=left_out))
    for companion in manifest.companions:
        source = companions_path(session_id) / companion.key
        copy_verified(source, companion.manifest, make_private(fresh / "companions") / companion.key)
    return fresh


def _replace(mirror: Path, fresh: Path) -> None:
    """Put the fresh mirror in the place of the old one, which a handoff may take away at any moment."""
    old = mirror.with_suffix(".old")
    remove_tree(old)
    if mirror.exists():
        mirror.rename(old)
    fresh.rename(mirror)
    remove_tree(old)


def _manifest_of(mirror: Path) -> str:
    """The digest of the manifest that a mirror was made from; empty without a mirror."""
    try:
        return read_manifest(mirror / "parcel" / "manifest.json").digest
    except ManifestDamaged:
        return ""


def _prune(keep: int, except_for: Path | None = None) -> int:
    """Remove the mirrors that are too many or too old, and what is left of one that was never finished."""
    ages = {
        path: record.st_mtime
        for path in _mirrors().iterdir()
        if path != except_for and stat.S_ISDIR((record := path.lstat()).st_mode)
    }
    newest = sorted((path for path in ages if not path.suffix), key=lambda path: -ages[path])
    oldest = time.time() - _KEPT_SECONDS
    kept = {path for path in newest[:keep] if ages[path] > oldest}
    gone = [path for path in ages if path not in kept]
    for path in gone:
        _drop(path)
    return sum(not path.suffix for path in gone)


def _drop(mirror: Path) -> None:
    # A handoff that wants it meanwhile finds it whole or not at all.
    remove_tree(mirror if mirror.suffix else mirror.rename(mirror.with_suffix(".old")))


def _mirrors() -> Path:
    return make_private(state_dir() / "mirrors")


@contextmanager
def _in_line(session: SessionDir) -> Generator[BinaryIO | None]:
    """The one place in line of a run, kept until it is closed; None if it is taken.

    One is enough, as what was sent is read only when its turn comes; on a busy host a run that comes and goes would
    leave a long line.
    """
    with (session.path / "mirror.lock").open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle


@contextmanager
def _alone() -> Generator[None]:
    """Wait for another one that makes or removes mirrors."""
    handle = os.open(_mirrors() / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
