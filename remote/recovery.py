"""Moves that were cut, settled: both sides are asked, and the session is here or there afterwards.

Nothing is decided by a time-out. What cannot be settled because its host does not answer stays as it is, and is told
with what was last known of it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from agent import protocol as rules
from agent.errors import AgentError, RecordDamaged, RunnerBusy
from agent.lease import read_lease, update_lease
from agent.overview import look_over
from agent.paths import state_dir
from agent.runner_lock import hold_move
from agent.sessions import SessionDir
from remote.errors import RemoteError, local_failure
from remote.handoff import settle
from remote.heard import keep_heard, read_known
from remote.host_client import HostClient
from remote.host_protocol import Inspect, Inspected, Regain, Standing
from remote.links import Links
from remote.pull import pull_back
from remote.reclaim import is_half_pulled
from remote.run import Recovered, Result
from remote.steps import Home, StillHere, awaits_decision
from remote.telling import tell_epoch
from snapshot.errors import SnapshotError

_FAILURES = (AgentError, RemoteError, SnapshotError, OSError)
_WAIT = "Wait: nothing runs here and nothing is lost; each start of castoff asks again."


async def recover(links: Links, only: str = "") -> AsyncIterator[Recovered]:
    """Settle what is unfinished of all sessions, or of ``only`` one, as hosts answer.

    Nothing is told of a session that is at work where it belongs. Raises only for damaged settings.
    """
    hosts: dict[str, list[SessionDir]] = {}
    for session, lease in look_over(state_dir()).doubtful():
        if only in ("", session.id):
            hosts.setdefault(lease.to, []).append(session)
    told: asyncio.Queue[Recovered | None] = asyncio.Queue()

    async def ask(host: str, sessions: Sequence[SessionDir]) -> None:
        try:
            await _recover_from(links, host, sessions, told)
        finally:
            told.put_nowait(None)

    async with asyncio.TaskGroup() as tasks:
        for host, sessions in hosts.items():
            tasks.create_task(ask(host, sessions))
        for _ in hosts:
            while (each := await told.get()) is not None:
                yield each


async def _recover_from(
    links: Links, host: str, sessions: Sequence[SessionDir], told: "asyncio.Queue[Recovered | None]"
) -> None:
    """All sessions of one host; one that cannot be reached is asked once."""
    try:
        client = await links.client(host)
    except RemoteError as error:
        for session in sessions:
            told.put_nowait(_waiting(session, error))
        return
    for session in sessions:
        if (found := await _recover_one(links, client, session)) is not None:
            told.put_nowait(found)


async def _recover_one(links: Links, client: HostClient, session: SessionDir) -> Recovered | None:
    try:
        lease = read_lease(session)
        if lease.state == "offered":
            return await _settle(links, client, session)
        if lease.state == "away":
            return await _look_after(links, client, session)
        if lease.to:
            return await _tell(client, session)
    except RunnerBusy as error:
        return _told(session, "moving", str(error), error.way_out)
    except _FAILURES as error:
        return _failed(session, error)
    return None


async def _settle(links: Links, client: HostClient, session: SessionDir) -> Recovered:
    """A handoff whose answer was lost: the host has the session, or never will."""
    host, why = client.connection.name, ""
    try:
        await settle(session, links.host(host), links)
    except RemoteError as error:
        if read_lease(session).state == "offered":
            raise
        why = f" {error}"
    if read_lease(session).state == "away":
        await keep_heard(session, (await _ask(client, session)).run)
        return _told(session, "away", f"The handoff had succeeded: the session is on {host}.", "castoff runs shows it.")
    return _told(session, "here", f"{host} never took the session: it is held here again.{why}", "castoff opens it.")


async def _look_after(links: Links, client: HostClient, session: SessionDir) -> Recovered | None:
    """A session on a host: at work there, or in the middle of a pull that was cut."""
    host, lease = client.connection.name, read_lease(session)
    there = await _ask(client, session)
    await keep_heard(session, there.run)
    if is_half_pulled(session):
        return await _finish_pull(links, host, session)
    if there.lease is None or there.lease.state in ("released", "away"):
        sentence = f"{host} does not hold the session, although it was given to it."
        return _told(session, "lost", sentence, *_choices(session, host))
    if there.lease.state == "offered" and there.lease.to != lease.claim:
        sentence = f"{host} has given the session to another copy of it: {there.lease.to}."
        return _told(session, "lost", sentence, "Look where else this session is kept.", *_choices(session, host)[1:])
    if there.moving:
        return _told(session, "moving", f"Somebody is moving the session on {host} just now.", "Wait for that.")
    drained = there.run is not None and there.run.phase in ("draining", "drained") and not there.run.alive
    if there.lease.state == "held" and not drained:
        return None
    with hold_move(session):
        epoch = there.lease.epoch
        # On disk before it leaves: were the answer lost, the host may hold the run from then on.
        after = update_lease(session, lambda now: rules.leave_there(now, epoch))
        await client.ask(Regain(run_id=session.id, epoch=after.given, to=after.claim), Standing)
    sentence = f"A pull was cut before it changed anything here: the run goes on on {host}."
    return _told(session, "goes-on", sentence, f"castoff pull {session.id} brings it home.")


async def _finish_pull(links: Links, host: str, session: SessionDir) -> Recovered:
    """A pull that was cut while it changed the tree here: what was agreed to then is on disk, and nothing is asked."""
    async with aclosing(pull_back(links, host, session.id)) as steps:
        step = await anext(steps)
        while not isinstance(step, Home | StillHere):
            # What it would ask now was not agreed to: then the run stays there.
            go = "cancel" if awaits_decision(step) and step.step == "planned" else "go"
            step = await steps.asend(go if awaits_decision(step) else None)
    if isinstance(step, Home):
        return _told(session, "home", "A pull that was cut is finished: the session is here.", "castoff opens it.")
    result: Result = "moving" if step.code == "being-moved" else "waiting"
    return _told(session, result, step.reason, step.way_out, f"castoff pull {session.id} goes on with it.")


async def _tell(client: HostClient, session: SessionDir) -> Recovered:
    """A session that was taken back by force, from a host that answers again."""
    host = client.connection.name
    if await tell_epoch(client, session):
        return _told(session, "told", f"{host} has heard that the session is here, and runs nothing of it.")
    sentence = f"{host} says that it holds the session at a newer epoch than it is held here."
    return _told(session, "lost", sentence, "castoff check looks at both sides.")


async def _ask(client: HostClient, session: SessionDir) -> Inspected:
    return await client.ask(Inspect(run_id=session.id), Inspected)


def _waiting(session: SessionDir, error: RemoteError) -> Recovered:
    try:
        lease = read_lease(session)
    except RecordDamaged as damage:
        return _failed(session, damage)
    if lease.state == "held":
        sentence = f"{lease.to} has not heard yet that the session was taken back by force: {error}"
        return _told(session, "waiting", sentence, error.way_out, "It is told as soon as it answers.")
    where = "was offered" if lease.state == "offered" else "is"
    on = "to" if lease.state == "offered" else "on"
    sentence = f"The session {where} {on} {lease.to}, which cannot be asked: {error}"
    return _told(session, "waiting", sentence, error.way_out, *_choices(session, lease.to))


def _choices(session: SessionDir, host: str) -> tuple[str, ...]:
    return (
        _WAIT,
        f"Try again: castoff recover {session.id}.",
        f"If {host} is lost for good: castoff reclaim {session.id} takes the session back as it was handed off.",
    )


def _failed(session: SessionDir, error: Exception) -> Recovered:
    failure = local_failure(error) if isinstance(error, OSError) else error
    return _told(
        session, "waiting", str(failure), getattr(failure, "way_out", ""), "castoff check looks at the records."
    )


def _told(session: SessionDir, result: Result, sentence: str, *choices: str) -> Recovered:
    return Recovered(
        session_id=session.id,
        title=session.info.title,
        project=session.info.project,
        result=result,
        sentence=sentence,
        choices=tuple(choice for choice in choices if choice),
        known=read_known(session) if result in ("waiting", "lost") else None,
    )
