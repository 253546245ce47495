"""Handing off: a session moves from here to a host, or stays exactly as it was.

The order is the promise. Until `Offered` nothing has changed here but that the agent was drained, and any failure
starts it again. From `Offered` on the host decides: it holds the session, or gives it back; if it cannot be asked,
the session stays offered and the same command settles it later. Never is it held on both sides.
"""

import asyncio
from collections.abc import AsyncGenerator

from agent.errors import AgentError, NotOwner
from agent.lease import confirm, offer, read_lease, take, write_lease
from agent.sessions import SessionDir
from remote.config import Host
from remote.departure import Departure
from remote.errors import ConnectionLost, HostTimeout, RemoteError
from remote.host_client import HostClient
from remote.host_protocol import Verdict
from remote.links import Links
from remote.progress import Relay
from remote.steps import (
    Away,
    Captured,
    Connecting,
    Decision,
    Draining,
    HandoffStep,
    Offered,
    Preflighted,
    Problem,
    Proved,
    SettingUp,
    StillHere,
    Terms,
    Verified,
)
from snapshot.errors import SnapshotError

_FAILURES = (AgentError, RemoteError, SnapshotError)


async def hand_off(
    session: SessionDir, host: Host, terms: Terms, links: Links
) -> AsyncGenerator[HandoffStep, Decision | None]:
    """Move ``session`` to ``host``; ends in `Away` or `StillHere`, and waits for a decision after `Preflighted`.

    Cancelling the task that drives it, or closing the generator, before `Offered` restores the session; after it
    leaves the session offered, and handing it off again settles where it is. Raises nothing of its own.
    """
    departure = Departure(session, host, terms)
    try:
        async for step in _settle_earlier(departure, links):
            yield step
            if isinstance(step, Away):
                return
        yield Connecting(host=host.name)
        relay: Relay[HandoffStep, HostClient] = Relay()
        work = relay.steps(lambda: links.client(host.name, lambda line: relay.report(SettingUp(detail=line))))
        async for step in work:
            yield step
        departure.client = relay.result
        seen = await departure.look()
        departure.watch.skip()
        decision = yield seen
        departure.watch.skip()
        if (refused := _refusal(seen, decision)) is not None:
            yield refused
            return
        yield Draining(deadline=terms.drain_seconds)
        await departure.drain()
        manifest = await departure.capture()
        yield Captured(files=manifest.files, size=manifest.size)
        sending: Relay[HandoffStep, None] = Relay()
        async for step in sending.steps(lambda: departure.send(lambda done: sending.report(done))):
            yield step
        sending.result  # noqa: B018  raises what the sending raised
        yield Verified(files=manifest.files, digest=await departure.verify())
        # The last moment at which a cancel that is on its way still finds everything here.
        await asyncio.sleep(0)
        write_lease(session, offer(read_lease(session), host.name))
        departure.watch.lap("give up")
        yield Offered(epoch=departure.epoch)
        async for step in _conclude(departure, await departure.accept()):
            yield step
    except _FAILURES as error:
        yield await _end(departure, error)
    except (asyncio.CancelledError, GeneratorExit):
        await asyncio.shield(departure.restore())
        raise


async def _settle_earlier(departure: Departure, links: Links) -> AsyncGenerator[HandoffStep]:
    """Find out what became of an earlier offer that was never answered, before anything else."""
    lease = read_lease(departure.session)
    if lease.state == "away":
        raise NotOwner(f"The session is on {lease.to} already.", f"castoff pull {departure.session.id} brings it home.")
    if lease.state != "offered":
        return
    if lease.to != departure.host.name:
        raise NotOwner(f"The session was offered to {lease.to}.", f"Hand it off to {lease.to} again to settle that.")
    yield Connecting(host=departure.host.name)
    departure.client = await links.client(departure.host.name)
    standing = await departure.withdraw()
    if standing.lease is not None and standing.lease.state == "held":
        async for step in _conclude(departure, await departure.accept()):
            yield step
    elif standing.lease is not None:
        write_lease(departure.session, take(lease, standing.lease.epoch))


async def _conclude(departure: Departure, verdict: Verdict) -> AsyncGenerator[HandoffStep]:
    """Write down the host's verdict and tell it."""
    session, lease = departure.session, read_lease(departure.session)
    if verdict.proof is None:
        assert verdict.released is not None
        write_lease(session, take(lease, verdict.released))
        raise RemoteError(
            f"{departure.host.name} could not continue the session and gave it back: {verdict.reason}",
            verdict.way_out,
            code="not-proved",
        )
    write_lease(session, confirm(lease, verdict.proof.epoch))
    proof = verdict.proof
    yield Proved(resumed=proof.resumed, agent=proof.agent, agent_session_id=proof.agent_session_id)
    departure.watch.lap("accept and prove")
    yield departure.leave_receipt(proof)


async def _end(departure: Departure, error: AgentError | RemoteError | SnapshotError) -> StillHere:
    """The terminal step after a failure, with the session restored where it is ours."""
    lease = read_lease(departure.session)
    if lease.state == "offered" and isinstance(error, ConnectionLost | HostTimeout):
        return StillHere(
            code="unsettled",
            reason=f"{error} The session was offered to {lease.to}, and whether it was taken is not known.",
            way_out="Hand it off again to settle it: nothing runs here until then, and nothing is lost.",
        )
    await departure.restore()
    return StillHere(code=error.code, reason=str(error), way_out=error.way_out)


def _refusal(seen: Preflighted, decision: Decision | None) -> StillHere | None:
    blocking: Problem | None = next((problem for problem in seen.problems if problem.blocking), None)
    if decision != "go":
        return StillHere(code="cancelled", reason="Nothing was moved.")
    if blocking is not None:
        return StillHere(code=blocking.code, reason=blocking.sentence, way_out=blocking.way_out)
    return None
