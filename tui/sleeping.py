"""The offer to cast off a session at work when this machine is about to sleep; the sleep waits for the answer."""

import asyncio
import time
from typing import TYPE_CHECKING

from agent.errors import AgentError
from remote.errors import RemoteError
from tui.moving import MovingApp

if TYPE_CHECKING:
    from tui.backend import DelayLike
    from tui.handoff import Handoff
    from tui.workspace import Workspace

OFFER_SECONDS = 4.0
"""For an answer; without one the machine sleeps."""
_LOOK_SECONDS = 0.1
_OFFER = "This machine is about to sleep. Enter casts the session off; else the agent goes on when it wakes."


class SleepingApp(MovingApp):
    """An app that knows of sleep, where the user wants that."""

    def watch_sleep(self) -> None:
        """Hear of sleeps from now on, where the settings say so."""
        if self.settings.offer_at_sleep:
            self.run_worker(self._watch_sleep(), group="sleep", exit_on_error=False)

    async def _watch_sleep(self) -> None:
        try:
            async for delay in self.backend.sleeps():
                await self._delayed(delay)
        except (AgentError, RemoteError) as error:
            self.complain(str(error), error.way_out)

    async def _delayed(self, delay: "DelayLike") -> None:
        """Offer what there is to offer, and release the delay as soon as nothing is to be waited for."""
        from tui.handoff import Handoff

        try:
            if not isinstance(self.screen, Handoff) and (workspace := self._at_work()) is not None:
                self.open_handoff(workspace)
            if isinstance(self.screen, Handoff):
                self.complain(_OFFER)
                await self._answered(self.screen, delay)
        finally:
            await delay.release()

    def _at_work(self) -> "Workspace | None":
        """The workspace on the screen, if its session is here and the agent in a turn."""
        from tui.workspace import Workspace

        screen = self.screen
        if not isinstance(screen, Workspace) or screen.place is None or screen.place.host:
            return None
        return screen if screen.state.turn is not None else None

    async def _answered(self, screen: "Handoff", delay: "DelayLike") -> None:
        """Until the handoff ended, or was not agreed to in time, or the machine does not wait any more."""
        begun = time.monotonic()
        over = asyncio.Event()

        def look() -> None:
            waits = screen.moving or (screen.is_attached and time.monotonic() - begun < OFFER_SECONDS)
            if screen.ended or not waits or not delay.held:
                over.set()

        looking = self.set_interval(_LOOK_SECONDS, look)
        try:
            await over.wait()
        finally:
            looking.stop()
