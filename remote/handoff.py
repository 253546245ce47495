"""Handing off: a session moves from here to a host, or stays exactly as it was.

The order is the promise. Until `Offered` nothing has changed here but that the agent was drained, and any failure
starts it again. From `Offered` on the host decides: it holds the session, or gives it back; if it cannot be asked,
the session stays offered and the same command settles it later. Never is it held on both sides.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent import protocol as rules
from agent.errors import AgentError, NotOwner, RunnerBusy
from agent.journal import read_head
from agent.lease import firm_lease, read_lease, update_lease
from agent.runner_lock import hold_move
from agent.sessions import SessionDir
from remote.config import Host
from remote.departure import Departure
from remote.endurance import endure
from remote.errors import RemoteError, local_failure
from remote.findings import Problem
from remote.host_protocol import Verdict
from remote.links import Links
from remote.progress import Relay
from remote.reach import reach
from remote.steps import (
    Away,
    Connecting,
    Draining,
    HandoffStep,
    Offered,
    Preflighted,
    Proved,
    StillHere,
    Verified,
)
from remote.telling import tell_epoch
from remote.terms import Decision, Terms
from snapshot.errors import SnapshotError
from snapshot.manifest import Manifest

Failure = AgentError | RemoteError | SnapshotError
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
        with hold_move(session):
            async with aclosing(_move(departure, links)) as steps:
                async for step in steps:
                    departure.decide((yield step))
    except RunnerBusy as error:
        yield StillHere(code=error.code, reason=str(error), way_out=error.way_out)


async def settle(session: SessionDir, host: Host, links: Links) -> None:
    """Find out what became of an offer to ``host`` whose answer was lost; afterwards the lease tells.

    Raises one of `_FAILURES`, also `RemoteError` if the host gave the session back: it is held here then.
    """
    departure = Departure(session, host, Terms())
    with hold_move(session):
        if _is_unanswered(departure):
            async for _ in _settle(departure, links):
                pass


async def _move(departure: Departure, links: Links) -> AsyncGenerator[HandoffStep]:
    """The steps, and what follows a failure or a cancel at any of them."""
    try:
        async with aclosing(_attempt(departure, links)) as steps:
            async for step in steps:
                yield step
    except (*_FAILURES, OSError) as error:
        failure = local_failure(error) if isinstance(error, OSError) else error
        async for step in _recover(departure, links, failure):
            yield step
    except (asyncio.CancelledError, GeneratorExit):
        # Opening the session says what keeps its agent from starting; here the cancel goes on.
        with contextlib.suppress(AgentError, OSError):
            await asyncio.shield(departure.restore())
        raise
    finally:
        await departure.let_go()


async def _attempt(departure: Departure, links: Links) -> AsyncGenerator[HandoffStep]:
    """The steps in their order; raises one of `_FAILURES`."""
    session, host = departure.session, departure.host
    if _is_unanswered(departure):
        yield Connecting(host=host.name)
        async for step in _settle(departure, links):
            yield step
            if isinstance(step, Away):
                return
    async with aclosing(reach(departure, links, host.name)) as steps:
        async for step in steps:
            yield step
    if read_lease(session).to == host.name:
        # It was reclaimed by force from this very host.
        await tell_epoch(await links.client(host.name), session)
    if departure.terms.install_on == host.name:
        installing: Relay[HandoffStep, None] = Relay()
        async with aclosing(installing.steps(lambda: departure.install(installing.report))) as steps:
            async for step in steps:
                yield step
        installing.raise_failure()
    seen = await departure.look()
    departure.watch.skip()
    yield seen
    departure.watch.skip()
    if (refused := _refusal(seen, departure.decision)) is not None:
        yield refused
        return
    yield Draining(deadline=departure.terms.drain_seconds)
    await departure.drain()
    carrying: Relay[HandoffStep, Manifest] = Relay()
    async with aclosing(
        endure(departure, links, host.name, lambda: departure.carry(carrying.report), carrying)
    ) as steps:
        async for step in steps:
            yield step
    verifying: Relay[HandoffStep, str] = Relay()
    async with aclosing(endure(departure, links, host.name, departure.verify, verifying)) as steps:
        async for step in steps:
            yield step
    yield Verified(files=carrying.result.all_files, digest=verifying.result)
    # The last moment at which a cancel that is on its way still finds everything here.
    await asyncio.sleep(0)
    update_lease(session, lambda lease: rules.offer(lease, host.name))
    departure.watch.lap("give up")
    yield Offered(epoch=departure.epoch)
    accepting: Relay[HandoffStep, Verdict] = Relay()
    async with aclosing(endure(departure, links, host.name, departure.accept, accepting)) as steps:
        async for step in steps:
            yield step
    async for step in _conclude(departure, accepting.result):
        yield step


def _is_unanswered(departure: Departure) -> bool:
    """Whether an earlier offer to this host waits for an answer; raises `NotOwner` if the session is elsewhere."""
    lease, session = read_lease(departure.session), departure.session
    if lease.state == "away":
        raise NotOwner(f"The session is on {lease.to} already.", f"castoff pull {session.id} brings it home.")
    if lease.state == "offered" and lease.to != departure.host.name:
        raise NotOwner(f"The session was offered to {lease.to}.", f"Hand it off to {lease.to} again to settle that.")
    return lease.state == "offered"


async def _settle(departure: Departure, links: Links) -> AsyncGenerator[HandoffStep]:
    """Find out what became of an offer: the host has it (ends in `Away`), or never will, and it is held here again."""
    departure.client = await links.client(departure.host.name)
    lease = (await departure.withdraw()).lease
    if rules.may_run(lease, rules.offered_epoch(firm_lease(departure.session))):
        async for step in _conclude(departure, await departure.accept()):
            yield step
    elif lease is not None and lease.state == "released":
        released = lease.epoch
        update_lease(departure.session, lambda lease: rules.take_back(lease, released))
    else:
        raise RemoteError(f"{departure.host.name} does not say who holds the session.", "Try again.", code="unsettled")


async def _conclude(departure: Departure, verdict: Verdict) -> AsyncGenerator[HandoffStep]:
    """Write down the host's verdict and tell it; raises `RemoteError` if the host gave the session back."""
    session, proof, released = departure.session, verdict.proof, verdict.released
    if proof is None:
        assert released is not None
        update_lease(session, lambda lease: rules.take_back(lease, released))
        raise RemoteError(
            f"{departure.host.name} could not continue the session and gave it back: {verdict.reason}",
            verdict.way_out or "castoff host check looks at the host.",
            code="not-proved",
        )
    departure.watch.lap("accept and prove")
    if proof.history != read_head(session.journal):
        raise RemoteError(
            f"{departure.host.name} took the session, but goes on from another history than the one that left here.",
            "Look at the host.",
            code="other-history",
        )
    rules.note_taken(read_lease(session), proof.epoch)
    # Before the lease: cut in between, the same command makes it again.
    away = departure.leave_receipt(proof)
    update_lease(session, lambda lease: rules.note_taken(lease, proof.epoch))
    yield Proved(resumed=proof.resumed, agent=proof.agent, agent_session_id=proof.agent_session_id, lossy=proof.lossy)
    yield away


async def _recover(departure: Departure, links: Links, failure: Failure) -> AsyncGenerator[HandoffStep]:
    """After a failure: settle an offer that is open, start the session again if it is here, and say so."""
    if read_lease(departure.session).state == "offered":
        try:
            async for step in _settle(departure, links):
                yield step
                if isinstance(step, Away):
                    return
        except _FAILURES as again:
            if read_lease(departure.session).state == "offered":
                yield _unsettled(departure, again)
                return
            failure = again
    way_out = failure.way_out
    try:
        await departure.restore()
    except (AgentError, OSError) as error:
        way_out = f"{way_out} The agent did not start again here: {error}".strip()
    yield StillHere(code=failure.code, reason=str(failure), way_out=way_out)


def _unsettled(departure: Departure, failure: Failure) -> StillHere:
    host = departure.host.name
    return StillHere(
        code="unsettled",
        reason=f"{failure} The session was offered to {host}, and whether it was taken is not known.",
        way_out="Hand it off again to settle it: nothing runs here until then, and nothing is lost.",
    )


def _refusal(seen: Preflighted, decision: Decision | None) -> StillHere | None:
    blocking: Problem | None = next((problem for problem in seen.problems if problem.blocking), None)
    if decision != "go":
        return StillHere(code="cancelled", reason="Nothing was moved.")
    if blocking is not None:
        return StillHere(code=blocking.code, reason=blocking.sentence, way_out=blocking.way_out)
    return None
