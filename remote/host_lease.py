"""Who holds a run, as its host knows it: changed by one request at a time, whatever connections they come from."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from agent.durable import make_private, read_model, write_model
from agent.lease import Lease
from agent.paths import state_dir


def session_path(run_id: str) -> Path:
    """Where the run's session lies on this host."""
    return make_private(state_dir() / "sessions") / run_id


def known_lease(run_id: str) -> Lease | None:
    """The run's lease on this host, or ``None`` if it never was here; raises `RecordDamaged`."""
    path = session_path(run_id) / "lease.json"
    return read_model(path, Lease) if path.exists() else None


def change_lease(run_id: str, change: Callable[[Lease | None], Lease]) -> Lease:
    """Replace the run's lease by what ``change`` makes of it, durably, and return it.

    No other process changes it in between: an offer cannot be taken back and accepted at the same moment.
    Raises what ``change`` raises, and `RecordDamaged`.
    """
    path = make_private(session_path(run_id))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        lease = change(known_lease(run_id))
        write_model(path / "lease.json", lease)
    finally:
        os.close(descriptor)
    return lease
