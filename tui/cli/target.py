"""Where a session is, found by the beginning of its id; and how to read it and talk to it there."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.fold import advance
from agent.journal import read_events
from agent.lease import Lease
from agent.overview import look_over
from agent.paths import state_dir
from agent.sessions import SessionDir, find_session
from agent.state import SessionState
from agent.viewer import Viewer
from tui.cli.errors import NotHere

if TYPE_CHECKING:
    from remote.connection import Trust
    from remote.links import Links
    from remote.start import Since
    from snapshot.diff import Diff

HERE = "here"


@dataclass(frozen=True)
class Target:
    """One session and the machine it is on: ``host`` is `HERE` or a host's name."""

    session_id: str
    title: str
    host: str
    session: SessionDir | None
    """This machine's record of it, if it has one; not the truth of a session that is on a host."""
    links: "Links"

    @property
    def local(self) -> SessionDir | None:
        """The session's directory if the session is here."""
        return self.session if self.host == HERE else None

    @asynccontextmanager
    async def attach(self, after_seq: int = 0) -> AsyncGenerator[Viewer]:
        """A viewer of the session's runner; here the runner is started when none runs."""
        if self.local is not None:
            from remote.local import open_local

            viewer = await open_local(self.local, after_seq)
        else:
            viewer = await self.links.attach(self.host, self.session_id, after_seq)
        try:
            yield viewer
        finally:
            await viewer.close()

    async def follow(self, state: SessionState, until: Callable[[SessionState], bool]) -> SessionState:
        """The session's state once it is as wished, at the end of its journal as of now or later.

        A link to a host that is cut once it stood is made again, for as long as it takes.
        """
        from remote.patience import LINK_FAILURES, Patience

        patience, head = Patience(), -1
        while True:
            try:
                async with self.attach(state.head_seq) as viewer:
                    # Only the end as of now is compared: before it the journal may hold earlier rests.
                    head = viewer.welcome.head_seq if head < 0 else head
                    return await follow(viewer, state, _from(head, until))
            except LINK_FAILURES as error:
                if head < 0 or self.local is not None:
                    raise
                await asyncio.sleep(patience.fail(error))

    async def read_state(self) -> SessionState:
        """The session's state as of now; reading it here starts nothing."""
        if self.local is not None:
            return await asyncio.to_thread(_fold, self.local.journal)
        async with self.attach() as viewer:
            return await follow(viewer, SessionState(), lambda state: state.head_seq >= viewer.welcome.head_seq)

    async def read_diff(self, since: "Since | None" = None) -> "Diff":
        """What the session changed in its tree: here since it began, on a host since its handoff or since it began.

        Raises `NotHere` where what is asked for is not to be had.
        """
        if self.local is not None:
            if since == "handoff":
                way_out = "castoff diff shows what changed since it began."
                raise NotHere("The session is here, and not handed off.", way_out, code="not-away")
            from remote.local import local_diff

            return await local_diff(self.local)
        from remote.runs import fetch_diff

        return await fetch_diff(self.links, self.host, self.session_id, since or "handoff")


def _fold(journal: Path) -> SessionState:
    return advance(SessionState(), read_events(journal))


def _from(head: int, until: Callable[[SessionState], bool]) -> Callable[[SessionState], bool]:
    return lambda state: state.head_seq >= head and until(state)


async def follow(viewer: Viewer, state: SessionState, until: Callable[[SessionState], bool]) -> SessionState:
    """Fold the viewer's events into ``state`` until it is as wished; raises `ViewerGone` when they end before."""
    if until(state):
        return state
    async for events in viewer.batches():
        state = advance(state, events)
        if until(state):
            break
    return state


@asynccontextmanager
async def open_links(trust: "Trust | None" = None) -> AsyncGenerator["Links"]:
    """The connections to hosts; none is made before it is needed. ``trust`` is asked about unknown host keys, a person
    at this terminal for passphrases."""
    from remote.links import Links
    from tui.cli.driving import ask_passphrase, can_ask

    links = Links(trust=trust, passphrase=ask_passphrase if can_ask() else None)
    try:
        yield links
    finally:
        await links.close()


@asynccontextmanager
async def open_target(prefix: str | None) -> AsyncGenerator[Target]:
    """The one session whose id begins with ``prefix``, here or on a host; without one, the only one there is.

    What this machine knows decides first: a session that it handed off is on that host. Only then are the
    hosts asked. Raises `agent.errors.SessionUnknown`, or `remote.errors.RemoteError`.
    """
    async with open_links() as links:
        yield await _find(prefix, links)


async def _find(prefix: str | None, links: "Links") -> Target:
    overview = look_over(state_dir())
    known = [(s, lease) for s, lease in overview.whole if s.id.startswith(prefix or "")]
    away = [(s, lease) for s, lease in known if _host_of(lease) != HERE]
    if prefix is None and len(away) == 1:
        known = away
    damaged = [each for each in overview.damaged if prefix and each.id.startswith(prefix)]
    if len(known) + len(damaged) > 1:
        find_session(state_dir(), prefix)  # raises, and names those that fit
    if damaged:
        raise damaged[0].error
    if known:
        session, lease = known[0]
        return Target(session.id, session.info.title, _host_of(lease), session, links)
    from remote.runs import find_run

    run = await find_run(links, prefix)
    return Target(run.run_id, run.title, run.host, None, links)


def pick_departing(prefix: str | None) -> SessionDir:
    """The session to hand off: by the beginning of its id, else the only one that is not away, else the only one of
    those that belongs to the current directory. Raises `agent.errors.SessionUnknown`."""
    if prefix is None:
        here = [s for s, lease in look_over(state_dir()).whole if lease.state in ("held", "offered")]
        of_this_tree = [s for s in here if s.info.project == str(Path.cwd())]
        for fits in (here, of_this_tree):
            if len(fits) == 1:
                return fits[0]
    return find_session(state_dir(), prefix)


def _host_of(lease: Lease) -> str:
    """The host that this machine's lease names, or `HERE`."""
    return lease.to if lease.state in ("offered", "away") else HERE
