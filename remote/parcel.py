"""The parcel: what travels of a session besides its tree - journal, frames, the agent's own session files.

A directory with ``session/``, ``home/`` (paths relative to HOME) and ``manifest.json`` (the tree's). It is made
beside the session on the side that sends and compared by the digest of its own manifest on the side that gets it.
"""

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from agent.durable import copy_record, make_private
from agent.fold import advance
from agent.journal import Journal, read_events
from agent.profiles import Profile
from agent.session_files import needed_files, session_files
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.carried import pack_carried
from remote.start import START
from snapshot.capture import capture_paths
from snapshot.errors import SnapshotError
from snapshot.manifest import Manifest, read_manifest, write_manifest
from snapshot.walk import walk

HISTORY = ("journal.jsonl", "acp.jsonl")
"""What happened in a session: its events, and the raw frames of its agent's protocol."""


def fold(session: SessionDir) -> SessionState:
    """The session's state from its journal; raises `agent.errors.JournalDamaged`."""
    return advance(SessionState(), read_events(session.journal))


def pack_parcel(
    session: SessionDir,
    profile: Profile,
    home: Path,
    target: Path,
    commits: Path | None = None,
    carried: Sequence[str] = (),
) -> None:
    """Make the parcel in ``target`` anew, with the bundles in the folder ``commits``; `seal_parcel` finishes it.

    ``carried`` are files of ``home`` that travel as well, relative to it. No runner serves the session meanwhile.

    Raises `agent.errors.AgentError`, `OSError`.
    """
    _keep_history(session)
    shutil.rmtree(target, ignore_errors=True)
    make_private(target)
    for file in commits.glob("*.bundle") if commits is not None else ():
        if file.is_file() and not file.is_symlink():
            _copy(file, target / file.name)
    make_private(target / "home")
    for name, source in packed_files(session, profile, home):
        _copy(source, target / name)
    pack_carried(target, home, carried)


def seal_parcel(parcel: Path, manifest: Manifest) -> str:
    """Add the tree's manifest to a parcel; returns `parcel_digest`. Raises `OSError`."""
    write_manifest(parcel / "manifest.json", manifest)
    return parcel_digest(parcel)


def _keep_history(session: SessionDir) -> None:
    """Cut off what a killed runner left torn, and have the rest on disk: else what travels could go on from something
    that a power cut took away here, and would never be let in again."""
    Journal(session.journal, 0).close()
    if session.frames.exists():
        with session.frames.open("rb") as frames:
            os.fsync(frames.fileno())


def packed_files(session: SessionDir, profile: Profile, home: Path) -> list[tuple[str, Path]]:
    """The session's own files: the name of each in a parcel, and where it is. Raises `agent.errors.AgentError`."""
    own = [(f"session/{name}", session.path / name) for name in ("session.json", *HISTORY, *START)]
    sid = fold(session).agent_session_id
    kept = (*session_files(profile, home, sid, session.id), *needed_files(profile, home)) if sid else ()
    return [(name, file) for name, file in own if file.exists()] + [(f"home/{name}", home / name) for name in kept]


def parcel_digest(parcel: Path) -> str:
    """The digest of everything in a parcel; packed again, the same gives the same. Raises
    `snapshot.errors.SnapshotError`.

    The times of what packing itself makes, the files at the top, say only when that was, and do not count.
    No git is run: what a host sent may pose as a repository, and git would do what its configuration says. Links are
    refused: castoff packs none.
    """
    manifest = capture_paths(parcel, [found.path for found in walk(parcel).found])
    for entry in manifest.entries:
        if entry.type == "symlink":
            raise SnapshotError(f"The session's files hold a link: {entry.path}.", "Look at the host.")
    timeless = (entry if "/" in entry.path else entry.model_copy(update={"mtime_ns": 0}) for entry in manifest.entries)
    return Manifest(entries=tuple(timeless)).digest


def place_session(parcel: Path, session_path: Path) -> None:
    """Put a received session in place on a host, durably; the lease is the caller's, and comes last."""
    copy_record(parcel / "session" / "session.json", session_path / "session.json")
    place_history(parcel, session_path)
    for name in START:
        (session_path / name).unlink(missing_ok=True)
        if (parcel / "session" / name).exists():
            copy_record(parcel / "session" / name, session_path / name)


def place_history(parcel: Path, session_path: Path) -> None:
    """Put journal and frames of a received session in place, durably, and nothing else of it."""
    for name in HISTORY:
        if (parcel / "session" / name).exists():
            copy_record(parcel / "session" / name, session_path / name)


def place_home(
    parcel: Path, home: Path, wanted: Collection[Path], there: Collection[Path], keep: Path | None = None
) -> None:
    """Put the agent's session files ``wanted`` of a received parcel into a HOME in place of those that are ``there``.

    All relative. What of an older record is left beside a newer one goes, or the agent would take it for a part of it,
    as SQLite does a log of changes. What they replace is kept under ``keep``, if that is given.
    """
    left = {*there} - {*wanted} if wanted else set[Path]()
    for name in {*wanted, *left}:
        if keep is not None and (home / name).exists() and not (keep / name).exists():
            copy_record(home / name, keep / name)
    for name in left:
        (home / name).unlink(missing_ok=True)
    for name in wanted:
        copy_record(parcel / "home" / name, home / name)


def parcel_manifest(parcel: Path) -> Manifest:
    """The tree's manifest in a parcel; raises `snapshot.errors.ManifestDamaged`."""
    return read_manifest(parcel / "manifest.json")


def _copy(source: Path, target: Path) -> None:
    make_private(target.parent)
    shutil.copy2(source, target)
    target.chmod(0o600)
