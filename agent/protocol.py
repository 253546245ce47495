"""The protocol of a session's moves: who may hold it at which epoch, what either side may say, and what it makes of
what it hears. `docs/protocol.md` shows it as a table and a diagram, made of this module.

A session is between two sides: its *origin*, the machine it began on, and the *host* of its run. Each keeps one
`Lease`, and every change of it is one of the functions below: they take the record on disk (``None``: there is none),
and return the one to put there or raise `NotOwner`. They are pure. Two rules bind whoever calls them:

- the record is durable before anything is said or done that follows from it;
- a side runs the agent and writes the journal only while `may_run` says so.

Epochs only ever rise, and each is given to one side: the origin offers n+1 when it gives up n, and takes g+1 when the
host has given up g. A message that comes late, twice, or from before a crash names an epoch that is past, and is
refused or changes nothing; what may be asked again gets the same answer again.
"""

from typing import Literal

from agent.errors import NotOwner
from agent.events import Frozen

LeaseState = Literal["held", "offered", "away", "released"]


class Lease(Frozen):
    """``held``: here; ``offered``: given up, not known to be taken; ``away``: at ``to``; ``released``: given back."""

    epoch: int = 1
    state: LeaseState = "held"
    to: str = ""
    """Whom it was given up to. When ``held``: a host it was reclaimed from by force, and that was not told yet."""
    claim: str = ""
    """The name under which the origin takes an ``away`` session home; the host gives it up to nobody else then."""
    given: int = 0
    """The newest epoch up to which the origin let the host hold an ``away`` session: it never takes one of those."""


def may_run(lease: Lease | None, epoch: int) -> bool:
    """Whether a runner of ``epoch`` may start, go on, or write to the journal."""
    return lease is not None and lease.state == "held" and lease.epoch == epoch


# The origin: a session goes out.


def offer(lease: Lease, to: str) -> Lease:
    """Give the session up: the host ``to`` may hold it at the next epoch."""
    if lease.state == "offered" and lease.to == to:
        return lease
    if lease.state != "held":
        raise NotOwner(_where(lease), "castoff runs shows where it is.")
    return Lease(epoch=lease.epoch, state="offered", to=to)


def offered_epoch(lease: Lease) -> int:
    """The epoch that `accept` and `withdraw` name; raises `NotOwner` as long as the session is not given up."""
    if lease.state != "offered":
        raise NotOwner(f"The session is not offered to anybody; {_where(lease)}")
    return lease.epoch + 1


def note_taken(lease: Lease, epoch: int) -> Lease:
    """The host has proved that it holds the session at ``epoch``."""
    if lease.state == "away" and lease.epoch == epoch:
        return lease
    if lease.state != "offered" or epoch != lease.epoch + 1:
        raise NotOwner(f"The session was not offered at epoch {epoch}; {_where(lease)}")
    return Lease(epoch=epoch, state="away", to=lease.to)


def take_back(lease: Lease, epoch: int) -> Lease:
    """Hold the session at ``epoch`` again: the host has released it there, and never takes what it was offered."""
    if may_run(lease, epoch):
        return lease
    if lease.state != "offered" or epoch <= lease.epoch + 1:
        raise NotOwner(f"Epoch {epoch} is stale; {_where(lease)}")
    return Lease(epoch=epoch)


# The origin: a session comes home.


def claim(lease: Lease, name: str) -> Lease:
    """Before the host is asked to `give`: the name under which it does; the first one of a stay holds."""
    if lease.state != "away":
        raise NotOwner(f"The session is not away; {_where(lease)}")
    return lease if lease.claim else lease.model_copy(update={"claim": name})


def epoch_to_give(lease: Lease, there: int) -> int:
    """The epoch at which a host that holds the session at ``there`` has to give it up."""
    return max(there, lease.epoch, lease.given)


def take_home(lease: Lease, epoch: int) -> Lease:
    """Hold the session at ``epoch``, one above what the host gave up."""
    if may_run(lease, epoch):
        return lease
    if lease.state != "away" or epoch <= max(lease.epoch, lease.given):
        raise NotOwner(f"Epoch {epoch} is stale; {_where(lease)}")
    return Lease(epoch=epoch)


def leave_there(lease: Lease, there: int) -> Lease:
    """Before the host is asked to `regain` what it may have given up: never take home what it may hold by then."""
    if lease.state != "away":
        raise NotOwner(f"The session is not away; {_where(lease)}")
    return lease.model_copy(update={"given": epoch_to_give(lease, there) + 2})


def reclaim(lease: Lease) -> Lease:
    """Hold the session whatever the host does: only ever because the user typed it.

    The epoch is above any that the host can have. The host stops when it hears of it (`file_away`); ``to`` names it
    until it has.
    """
    if lease.state == "held" and lease.to:
        return lease
    if lease.state not in ("offered", "away"):
        raise NotOwner(f"There is nothing to reclaim; {_where(lease)}")
    newest = max(lease.epoch + (lease.state == "offered"), lease.given)
    return Lease(epoch=newest + 2, to=lease.to)


def note_told(lease: Lease, epoch: int) -> Lease:
    """The host knows that the session is held here at ``epoch``."""
    return lease.model_copy(update={"to": ""}) if may_run(lease, epoch) else lease


# The host.


def check_room(lease: Lease | None, epoch: int) -> None:
    """Whether what is sent of the session for ``epoch`` may be gathered; raises `NotOwner`."""
    if lease is not None and (lease.state == "held" or epoch <= _spoken_for(lease)):
        raise NotOwner(f"Epoch {epoch} is stale; {_where(lease)}", "castoff runs shows where the session is.")


def accept(lease: Lease | None, epoch: int) -> Lease:
    """Hold the session at the ``epoch`` that it was offered at."""
    if lease is not None and may_run(lease, epoch):
        return lease
    check_room(lease, epoch)
    return Lease(epoch=epoch)


def refuse(lease: Lease | None, epoch: int) -> Lease:
    """Give back what was accepted at ``epoch`` and could not be continued, with nothing of it running any more."""
    if lease is None or not (may_run(lease, epoch) or lease == Lease(epoch=epoch + 1, state="released")):
        raise NotOwner(f"Epoch {epoch} cannot be given back; {_where(lease)}")
    return Lease(epoch=epoch + 1, state="released")


def withdraw(lease: Lease | None, epoch: int) -> Lease:
    """Never accept the offer at ``epoch``, unless it was accepted already: the record tells."""
    if lease is not None and lease.epoch >= epoch:
        return lease
    return Lease(epoch=epoch + 1, state="released")


def check_pack(lease: Lease | None) -> Lease:
    """Whether the session may be made ready to go home; raises `NotOwner`."""
    if lease is None or lease.state not in ("held", "offered"):
        raise NotOwner(f"The run is not here any more; {_where(lease)}", "castoff runs shows where it is.")
    return lease


def give(lease: Lease | None, epoch: int, to: str) -> Lease:
    """Give the session up at ``epoch``: ``to``, and nobody else, may hold it at the next one."""
    held = check_pack(lease)
    if held.epoch > epoch or (held.state == "offered" and held.to != to):
        raise NotOwner(f"The run is not given up at epoch {epoch}; {_where(held)}", "castoff runs shows where it is.")
    return Lease(epoch=epoch, state="offered", to=to)


def regain(lease: Lease | None, epoch: int, to: str) -> Lease:
    """Go on with the session, at ``epoch`` if it had been given up: ``to`` does not take it."""
    held = check_pack(lease)
    if held.state == "held":
        return held
    if held.to != to or epoch <= held.epoch:
        raise NotOwner(f"Epoch {epoch} is stale; {_where(held)}", "castoff runs shows where the session is.")
    return Lease(epoch=epoch)


def file_away(lease: Lease | None, epoch: int) -> Lease:
    """The session is held at its origin at ``epoch``: what is here is an archive, whatever it was."""
    if lease is not None and lease.epoch >= epoch:
        return lease
    return Lease(epoch=epoch, state="away", to=lease.to if lease is not None and lease.to else "home")


def _spoken_for(lease: Lease) -> int:
    """The newest epoch that somebody holds or may hold by this record."""
    return lease.epoch + (lease.state == "offered")


def _where(lease: Lease | None) -> str:
    if lease is None:
        return "it never was here."
    match lease.state:
        case "held":
            return f"it is held here at epoch {lease.epoch}."
        case "offered":
            return f"it is on its way to {lease.to}."
        case "away":
            return f"it is on {lease.to} at epoch {lease.epoch}."
        case _:
            return f"it was given back at epoch {lease.epoch}."
