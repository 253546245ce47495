"""The record of who holds a session, on disk: read, changed by one process at a time, watched by the runner.

What it means and how it may change is `agent.protocol`'s.
"""

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from agent.durable import read_model, sync_directory, write_model
from agent.errors import RecordDamaged
from agent.protocol import Lease, may_run
from agent.sessions import SessionDir

_NAME = "lease.json"


def read_lease(session: SessionDir) -> Lease:
    """The lease on disk; raises `agent.errors.RecordDamaged`."""
    return read_model(session.path / _NAME, Lease)


def firm_lease(session: SessionDir) -> Lease:
    """The lease, once no power cut can take it away any more: for whoever acts on it without changing it.

    A process that was killed right after its rename leaves one that is seen, but may not be on disk. Raises
    `RecordDamaged`, `OSError`.
    """
    sync_directory(session.path)
    return read_lease(session)


def known_lease(path: Path) -> Lease | None:
    """The lease in a session's directory, or ``None`` if there is none; raises `RecordDamaged`."""
    return read_model(path / _NAME, Lease) if (path / _NAME).exists() else None


def change_lease(path: Path, change: Callable[[Lease | None], Lease]) -> Lease:
    """Replace the lease in the session's directory ``path`` by what ``change`` makes of it, durably, and return it.

    No other process changes it in between: an offer cannot be taken back and accepted at the same moment.
    Raises what ``change`` raises, `RecordDamaged`, and `OSError`; what was there stands then.
    """
    with keep_lease(path):
        after = change(known_lease(path))
        # Written even if it is the same: see `firm_lease`.
        write_model(path / _NAME, after)
    return after


@contextmanager
def keep_lease(path: Path) -> Generator[None]:
    """While the block lasts nobody else changes the lease in the session's directory ``path``. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def update_lease(session: SessionDir, change: Callable[[Lease], Lease]) -> Lease:
    """`change_lease` where there must be one; raises `RecordDamaged` if it is missing."""

    def change_known(lease: Lease | None) -> Lease:
        if lease is None:
            raise RecordDamaged(f"{session.path / _NAME} is missing.")
        return change(lease)

    return change_lease(session.path, change_known)


def write_lease(session: SessionDir, lease: Lease) -> None:
    """Make a lease durable, whatever is there."""
    write_model(session.path / _NAME, lease)


class Tenure:
    """A runner's right to the session at one epoch, looked up again whenever the record was replaced."""

    def __init__(self, session_path: Path, epoch: int) -> None:
        self._path = session_path / _NAME
        self._epoch = epoch
        self._seen: tuple[int, int, int] | None = None
        self._held = False

    def holds(self) -> bool:
        """Whether the session is held here at the epoch; raises `RecordDamaged`. Costs one stat if nothing changed."""
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            raise RecordDamaged(f"{self._path} is missing.") from error
        # Every change is a new file in the old one's place.
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._held = may_run(read_model(self._path, Lease), self._epoch)
            self._seen = seen
        return self._held
