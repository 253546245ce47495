"""Who owns a session: a small durable record, one on each side of a move.

The epoch goes up by one at every change of hands. Only the side whose lease is ``held`` may run the agent
or write the journal. A side gives up (``offered``) on disk before its offer leaves, so two sides never hold.
"""

from typing import Literal

from agent.durable import read_model, write_model
from agent.errors import NotOwner
from agent.events import Frozen
from agent.sessions import SessionDir

LeaseState = Literal["held", "offered", "away", "released"]


class Lease(Frozen):
    """``held``: here; ``offered``: given up, not known to be taken; ``away``: at ``to``; ``released``: given back."""

    epoch: int = 1
    state: LeaseState = "held"
    to: str = ""


def offer(lease: Lease, to: str) -> Lease:
    """Give the session up in favour of ``to``, who may hold it at the next epoch; offering again is no change."""
    if lease.state == "offered" and lease.to == to:
        return lease
    if lease.state != "held":
        raise NotOwner(_where(lease), "castoff runs shows where it is.")
    return Lease(epoch=lease.epoch, state="offered", to=to)


def confirm(lease: Lease, epoch: int) -> Lease:
    """The other side holds the session at ``epoch``."""
    if lease.state not in ("offered", "away") or epoch <= lease.epoch:
        raise NotOwner(f"The session was not offered at epoch {epoch}; {_where(lease)}")
    return Lease(epoch=epoch, state="away", to=lease.to)


def take(lease: Lease | None, epoch: int) -> Lease:
    """Hold the session at ``epoch``, which must be newer than any seen here; taking it again is no change."""
    if lease is not None and lease.state == "held" and lease.epoch == epoch:
        return lease
    if lease is not None and (lease.state == "held" or epoch <= lease.epoch):
        raise NotOwner(f"Epoch {epoch} is stale; {_where(lease)}")
    return Lease(epoch=epoch, state="held")


def release(lease: Lease, epoch: int) -> Lease:
    """Give the session back for good at ``epoch``; the other side may hold it at any later one."""
    if lease.state == "released" and lease.epoch == epoch:
        return lease
    if lease.state not in ("held", "offered") or epoch < lease.epoch:
        raise NotOwner(f"Cannot release epoch {epoch}; {_where(lease)}")
    return Lease(epoch=epoch, state="released")


def read_lease(session: SessionDir) -> Lease:
    """The lease on disk; raises `agent.errors.RecordDamaged`."""
    return read_model(session.path / "lease.json", Lease)


def write_lease(session: SessionDir, lease: Lease) -> None:
    """Make a lease durable."""
    write_model(session.path / "lease.json", lease)


def _where(lease: Lease) -> str:
    match lease.state:
        case "held":
            return f"it is held here at epoch {lease.epoch}."
        case "offered":
            return f"it is on its way to {lease.to}."
        case "away":
            return f"it is on {lease.to} at epoch {lease.epoch}."
        case _:
            return f"it was given back at epoch {lease.epoch}."
