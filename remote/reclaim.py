"""Taking a session back by force, from a host that does not answer any more: only ever because the user typed it.

What the run did since it left stays where it is; here the session goes on where it was handed off. The host is fenced
by a higher epoch: it stops as soon as it hears of it, and nothing of what it does at its own epoch is let in any more.
"""

from agent import protocol as rules
from agent.arrival import Arrival, arrival_path
from agent.durable import write_model
from agent.events import Frozen
from agent.lease import read_lease, update_lease
from agent.runner_lock import hold_move
from agent.sessions import SessionDir
from remote.errors import RemoteError
from remote.links import Links
from remote.telling import tell_epoch
from snapshot.home import has_begun
from snapshot.texts import Folders


class Reclaimed(Frozen):
    """The session is held here. ``untold`` says why the host could not be told yet, "" if it was."""

    host: str
    epoch: int
    untold: str = ""


def is_half_pulled(session: SessionDir) -> bool:
    """Whether a pull was cut while it changed the tree here: `castoff undo` takes that back."""
    return has_begun(Folders(session.move(read_lease(session).epoch + 1)).keep)


async def reclaim(session: SessionDir, links: Links) -> Reclaimed:
    """Hold the session here whatever its host does, and tell the host if it can be reached.

    Raises `agent.errors.NotOwner` if it is here already, `RunnerBusy` while another castoff moves it.
    """
    with hold_move(session):
        lease = rules.reclaim(read_lease(session))
        note = (
            f"Taken back by force from {lease.to}: the session goes on where it was handed off. "
            f"What the run did there since has not come along."
        )
        arrival = Arrival(origin=lease.to, to="here", files=0, size=0, seconds=0.0, note=note)
        write_model(arrival_path(session, lease.epoch), arrival)
        update_lease(session, rules.reclaim)
        try:
            await tell_epoch(await links.client(lease.to), session)
        except RemoteError as error:
            return Reclaimed(host=lease.to, epoch=lease.epoch, untold=str(error))
    return Reclaimed(host=lease.to, epoch=lease.epoch)
