"""What a screen does to follow one session: bridge, diff and watch as its workers, and commands to the runner."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from textual import work

from agent.errors import AgentError
from remote.errors import RemoteError
from snapshot.errors import SnapshotError
from tui.backend import Backend, Place, ViewerLike
from tui.bridge import Bridge
from tui.drawing.panes import Link
from tui.errors import TuiError
from tui.messages import Complained, DiffChanged, LinkChanged
from tui.stage import StageScreen

DIFF_SECONDS = 0.4


class FollowingScreen(StageScreen[None]):
    """A screen around one session: what comes of it arrives as messages; nothing is drawn here."""

    def __init__(self, backend: Backend, place: Place | None) -> None:
        """A screen for the session at ``place``, or for none yet; it follows from `begin` on."""
        super().__init__()
        self.backend = backend
        self.place = place
        self.bridge: Bridge | None = None
        self.is_suspended = False
        """Whether the runner was let go of for a move."""
        self.lost = LinkChanged()
        self._diff_wanted = asyncio.Event()
        self._watch_failed = False

    def begin(self, place: Place) -> None:
        """Follow ``place`` from now on, after what is known of it already."""
        self.place = place
        self.is_suspended = False
        state = self.bridge.state if self.bridge is not None else None
        self.bridge = Bridge(self.backend, place, self.post_message)
        if state is not None:
            self.bridge.state = state
        self._follow(self.bridge)
        self._follow_diff(place)
        if not place.host:
            self._watch_tree(place)

    def suspend_bridge(self) -> None:
        """Let go of the runner: the session is about to move."""
        self.is_suspended = True
        for group in ("bridge", "diff", "watch"):
            self.workers.cancel_group(self, group)  # pyright: ignore[reportUnknownMemberType]  # Worker[Unknown]

    def want_diff(self) -> None:
        """Something may have changed in the tree."""
        self._diff_wanted.set()

    @property
    def age(self) -> float:
        """Seconds since the runner was heard."""
        return time.monotonic() - self.bridge.heard if self.bridge is not None else 0.0

    def link(self) -> Link:
        """What is known of the link now."""
        host = self.place.host if self.place else ""
        if self.bridge is None:
            return Link(host)
        return Link(host, self.age, self.lost.lost, self.bridge.viewer is not None)

    @work(exclusive=True, group="bridge", exit_on_error=False)
    async def _follow(self, bridge: Bridge) -> None:
        await bridge.run()

    @work(exclusive=True, group="watch", exit_on_error=False)
    async def _watch_tree(self, place: Place) -> None:
        try:
            async for _ in self.backend.watch(place):
                self.want_diff()
        except TuiError as error:
            if not self._watch_failed:
                self._watch_failed = True
                self.post_message(Complained(str(error), error.way_out))

    @work(exclusive=True, group="diff", exit_on_error=False)
    async def _follow_diff(self, place: Place) -> None:
        """Read the diff whenever something may have changed, at most every `DIFF_SECONDS`."""
        self.want_diff()
        while True:
            await self._diff_wanted.wait()
            self._diff_wanted.clear()
            try:
                self.post_message(DiffChanged(await self.backend.diff(place)))
            except (AgentError, RemoteError, SnapshotError) as error:
                self.post_message(DiffChanged(None, str(error)))
            await asyncio.sleep(DIFF_SECONDS)

    def command(
        self, do: Callable[[ViewerLike], Awaitable[None]], *, refused: Callable[[], None] | None = None
    ) -> None:
        """Carry a command out at the runner; where it does not work, say so, and tell ``refused``."""
        self.run_worker(self._carry_out(do, refused), group="command", exit_on_error=False)

    async def _carry_out(self, do: Callable[[ViewerLike], Awaitable[None]], refused: Callable[[], None] | None) -> None:
        if self.bridge is None:
            self.post_message(Complained("There is no session yet.", "Type what you want done and press Enter."))
            return
        try:
            await do(await self.bridge.attached())
        except (AgentError, RemoteError) as error:
            if refused is not None:
                refused()
            self.post_message(Complained(str(error), error.way_out))
