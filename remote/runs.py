"""The runs on all hosts: listed at once, found by the beginning of an id, looked into."""

import asyncio
from collections.abc import AsyncIterator, Collection

from pydantic import ValidationError

from agent.errors import RecordDamaged, SessionUnknown
from agent.lease import read_lease
from agent.paths import state_dir
from agent.sessions import get_session
from remote.errors import RemoteError
from remote.host_client import HostClient
from remote.host_protocol import AskDiff, DiffReply, ListRuns, Rows
from remote.links import Links
from remote.run import Run, Runs, Unreachable
from remote.start import Since
from remote.telling import tell_epoch
from snapshot.diff import Diff

_DIFF_SECONDS = 300.0


async def stream_runs(links: Links, only: Collection[str] = ()) -> AsyncIterator[Runs]:
    """What each host answers, or ``only`` these, as it comes: one `Runs` a host; raises only for damaged settings."""
    names = (host.name for host in links.settings.hosts() if not only or host.name in only)
    tasks = [asyncio.create_task(_ask(links, name)) for name in names]
    try:
        for answer in asyncio.as_completed(tasks):
            yield await answer
    finally:
        for task in tasks:
            task.cancel()


async def list_runs(links: Links) -> Runs:
    """All runs on all hosts, the newest first; a host that does not answer is told as such."""
    answers = [answer async for answer in stream_runs(links)]
    runs = [run for answer in answers for run in answer.runs]
    gone = [host for answer in answers for host in answer.unreachable]
    return Runs(
        runs=tuple(sorted(runs, key=lambda run: run.at, reverse=True)),
        unreachable=tuple(sorted(gone, key=lambda host: host.host)),
        damaged=tuple(sentence for answer in answers for sentence in answer.damaged),
    )


async def _ask(links: Links, name: str) -> Runs:
    try:
        client = await links.client(name)
        rows = await client.ask(ListRuns(), Rows)
        here = [run for run in rows.runs if await _file_away(client, run)]
    except RemoteError as error:
        return Runs(unreachable=(Unreachable(host=name, reason=str(error), way_out=error.way_out, code=error.code),))
    # A host's own name for itself may be an older one: here it is called as the settings call it.
    runs = tuple(run.model_copy(update={"host": name}) for run in rows.runs if run not in here)
    return Runs(runs=runs, damaged=tuple(f"On {name}: {sentence}" for sentence in rows.damaged))


async def _file_away(client: HostClient, run: Run) -> bool:
    """Tell the host of a run that has gone on without it, if it never heard; whether it has. Raises `RemoteError`."""
    try:
        session = get_session(state_dir(), run.run_id)
        lease = read_lease(session) if session is not None else None
    except RecordDamaged:
        # What is here cannot be read, so nobody can say that the run came home: it is listed where it is.
        return False
    if session is None or lease is None or lease.epoch <= run.epoch:
        return False
    return await tell_epoch(client, session)


async def find_run(links: Links, prefix: str | None) -> Run:
    """The one run whose id begins with ``prefix``, or the only one there is; raises `SessionUnknown`."""
    runs = await list_runs(links)
    found = [run for run in runs.runs if run.run_id.startswith(prefix or "")]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{run.run_id} on {run.host}" for run in found[:5])
        raise SessionUnknown(f"More than one run fits: {ids}.", "Give more of the id.")
    silent = ", ".join(host.host for host in runs.unreachable)
    unsure = f" These hosts did not answer: {silent}." if silent else ""
    what = f"No run's id begins with {prefix!r}." if prefix else "There is no run on any host."
    raise SessionUnknown(what + unsure, "castoff runs lists them.")


async def fetch_diff(links: Links, host: str, run_id: str, since: Since = "handoff") -> Diff:
    """What a run changed since it arrived there, or the session since it began; raises `RemoteError`."""
    return await read_diff(await links.client(host), run_id, since)


async def read_diff(client: HostClient, run_id: str, since: Since = "handoff") -> Diff:
    """`fetch_diff` on a host that is connected."""
    reply = await client.ask(AskDiff(run_id=run_id, since=since), DiffReply, timeout=_DIFF_SECONDS)
    try:
        return Diff.model_validate(reply.diff)
    except ValidationError as error:
        raise RemoteError(
            f"{client.connection.name} told of changes what this castoff does not understand.",
            "castoff host setup installs the same version there.",
            code="protocol",
        ) from error
