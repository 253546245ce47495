"""Who holds a run, as its host knows it: changed by one request at a time, whatever connections they come from."""

from collections.abc import Callable
from pathlib import Path

from agent import lease
from agent.durable import make_private
from agent.paths import state_dir
from agent.protocol import Lease


def session_path(run_id: str) -> Path:
    """Where the run's session lies on this host."""
    return make_private(state_dir() / "sessions") / run_id


def known_lease(run_id: str) -> Lease | None:
    """The run's lease on this host, or ``None`` if it never was here; raises `RecordDamaged`."""
    return lease.known_lease(session_path(run_id))


def change_lease(run_id: str, change: Callable[[Lease | None], Lease]) -> Lease:
    """`agent.lease.change_lease` by the run's id; its directory is made at need."""
    return lease.change_lease(make_private(session_path(run_id)), change)
