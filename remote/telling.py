"""Telling a host how far a session has come without it: what it still has of it is an archive then."""

from agent import protocol as rules
from agent.lease import firm_lease, update_lease
from agent.sessions import SessionDir
from remote.host_client import HostClient
from remote.host_protocol import Confirm, Standing


async def tell_epoch(client: HostClient, session: SessionDir) -> bool:
    """Tell a host the epoch that the session has come to here; returns whether nothing of it runs there any more.

    A host that holds it at an older epoch, because its user reclaimed it by force, ends it; one that holds it
    rightly goes on. May be repeated. Raises `remote.errors.RemoteError`.
    """
    lease = firm_lease(session)
    standing = await client.ask(Confirm(run_id=session.id, epoch=lease.epoch), Standing)
    over = standing.lease is None or standing.lease.state not in ("held", "offered")
    if over and lease.to == client.connection.name:
        update_lease(session, lambda now: rules.note_told(now, lease.epoch))
    return over
