"""Pulling back: a run comes home from its host, or stays there.

The host is not trusted: what it sends goes into quarantine and is checked before anything here changes, and
nothing of its ``.git`` comes home but objects. The host gives the run up before the tree here changes; the session
is held here only when everything is in place. Cut anywhere, the same command goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.errors import AgentError
from agent.paths import state_dir
from agent.runner_lock import hold_move
from agent.sessions import get_session
from remote.endurance import endure
from remote.errors import RemoteError, local_failure
from remote.homecoming import Homecoming
from remote.links import Links
from remote.progress import Relay
from remote.reach import reach
from remote.steps import Draining, Offered, PullStep, Reviewed, StillHere, Verified
from remote.terms import Decision, Wish
from snapshot.errors import SnapshotError

_FAILURES = (AgentError, RemoteError, SnapshotError)


async def pull_back(
    links: Links, host: str, run_id: str, *, drain_seconds: float = 20.0, wish: Wish | None = None
) -> AsyncGenerator[PullStep, Decision | None]:
    """Bring a run home from ``host``; ends in `Home` or `StillHere`.

    It waits for a decision after `Reviewed`, and after `Planned` where something has to be asked.
    Cancelling the task that drives it leaves the run on the host, or a pull that the same command finishes.
    Raises nothing of its own.
    """
    try:
        session = get_session(state_dir(), run_id)
    except AgentError as error:
        yield StillHere(code=error.code, reason=str(error), way_out=error.way_out)
        return
    if session is None:
        reason = f"The run {run_id} began on another machine, and that is where it comes home to."
        yield StillHere(code="not-from-here", reason=reason, way_out="Attach to it, or pull it there.")
        return
    homecoming = Homecoming(session, drain_seconds, wish or Wish())
    try:
        with hold_move(session):
            homecoming.check_away(host)
            async with aclosing(_move(homecoming, links)) as steps:
                async for step in steps:
                    homecoming.decide((yield step))
    except (*_FAILURES, OSError) as error:
        failure = local_failure(error) if isinstance(error, OSError) else error
        yield StillHere(code=failure.code, reason=str(failure), way_out=failure.way_out)


async def _move(homecoming: Homecoming, links: Links) -> AsyncGenerator[PullStep]:
    """The steps, and after a failure or a cancel the run's going on at its host; raises one of `_FAILURES`."""
    try:
        async with aclosing(_attempt(homecoming, links)) as steps:
            async for step in steps:
                yield step
    except (*_FAILURES, OSError, asyncio.CancelledError, GeneratorExit):
        await asyncio.shield(homecoming.give_back())
        raise


async def _attempt(homecoming: Homecoming, links: Links) -> AsyncGenerator[PullStep]:
    """The steps in their order; raises one of `_FAILURES`."""
    host = homecoming.host
    async with aclosing(reach(homecoming, links, host)) as steps:
        async for step in steps:
            yield step
    seen = await homecoming.review()
    homecoming.watch.skip()
    yield seen
    homecoming.watch.skip()
    if (refused := _refusal(seen, homecoming.decision)) is not None:
        yield refused
        return
    yield Draining(deadline=homecoming.drain_seconds)
    fetching: Relay[PullStep, None] = Relay()
    async with aclosing(endure(homecoming, links, host, lambda: _bring(homecoming, fetching), fetching)) as steps:
        async for step in steps:
            yield step
    theirs = await homecoming.check()
    yield Verified(files=theirs.files, digest=theirs.digest)
    planned = await homecoming.plan()
    homecoming.decide(None)
    homecoming.watch.skip()
    yield planned
    homecoming.watch.skip()
    if planned.asks and (homecoming.decision is None or homecoming.decision == "cancel"):
        # Raised, so that the run is told to go on.
        raise RemoteError("Nothing here was changed; the run goes on where it is.", code="cancelled")
    await homecoming.prepare()
    taking: Relay[PullStep, int] = Relay()
    async with aclosing(endure(homecoming, links, host, homecoming.take_over, taking)) as steps:
        async for step in steps:
            yield step
    yield Offered(epoch=taking.result)
    applied = await homecoming.apply()
    yield homecoming.applied(applied)
    yield await homecoming.settle(applied)


async def _bring(homecoming: Homecoming, fetching: Relay[PullStep, None]) -> None:
    """Have the run stopped and made ready, and fetch it: a host that lost its link keeps no run still any more."""
    await homecoming.pack()
    await homecoming.fetch(fetching.report)


def _refusal(seen: Reviewed, decision: Decision | None) -> StillHere | None:
    blocking = next((problem for problem in seen.problems if problem.blocking), None)
    if decision != "go":
        return StillHere(code="cancelled", reason="Nothing was pulled; the run goes on where it is.")
    if blocking is not None:
        return StillHere(code=blocking.code, reason=blocking.sentence, way_out=blocking.way_out)
    return None
