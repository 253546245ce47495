"""The one bridge from a runner to the screen: events in, one state a frame out; it reattaches by itself."""

import asyncio
import time
from collections.abc import Callable

from textual.message import Message

from agent.errors import AgentError, ViewerGone
from agent.fold import advance
from agent.state import SessionState
from remote.errors import RemoteError
from remote.patience import BACK_OFF, Patience
from tui.backend import Backend, Place, ViewerLike
from tui.messages import LinkChanged, StateChanged

FRAME_SECONDS = 1 / 30
_ENDED = ("stopped", "failed")
"""Phases in which a runner ends on purpose: it is started again only when the user asks."""


class Bridge:
    """Follows one session and posts `StateChanged` and `LinkChanged`."""

    def __init__(self, backend: Backend, place: Place, post: Callable[[Message], object]) -> None:
        self.place = place
        self.state = SessionState()
        self.viewer: ViewerLike | None = None
        self._backend = backend
        self._post = post
        self._heard = time.monotonic()
        self._woken = asyncio.Event()

    @property
    def heard(self) -> float:
        """When the runner was last heard, by `time.monotonic`."""
        if self.viewer is not None:
            self._heard = max(self._heard, self.viewer.last_heard)
        return self._heard

    async def attached(self) -> ViewerLike:
        """The viewer, once there is one; raises `agent.errors.ViewerGone` after 20 s."""
        if self.viewer is None:
            self._woken.set()
        deadline = time.monotonic() + 20
        while self.viewer is None:
            if time.monotonic() > deadline:
                raise ViewerGone("The session's runner cannot be reached.", "It is tried again by itself.")
            await asyncio.sleep(FRAME_SECONDS)
        return self.viewer

    async def run(self) -> None:
        """Attach, follow, and attach again, until cancelled."""
        patience = Patience()
        while True:
            begun = time.monotonic()
            try:
                await self._follow()
            except (AgentError, RemoteError) as error:
                # A link that lasted was no failure; one that breaks at once, each time, is.
                if self.heard - begun > BACK_OFF[-1]:
                    patience.succeed()
                self._post(LinkChanged(str(error), error.way_out))
                await self._pause(patience.fail(error))

    async def _follow(self) -> None:
        viewer = await self._backend.attach(self.place, self.state.head_seq)
        self.viewer = viewer
        self._heard = time.monotonic()
        self._woken.clear()
        self._post(LinkChanged())
        try:
            async for events in viewer.batches():
                self.state = advance(self.state, events)
                self._post(StateChanged(self.state))
                # What comes meanwhile is in the next batch: a fast stream costs one refresh a frame.
                await asyncio.sleep(FRAME_SECONDS)
        finally:
            self._heard = max(self._heard, viewer.last_heard)
            self.viewer = None
            await viewer.close()

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; one that was asked for during the last attempt is made at once."""
        ended = self.state.phase in _ENDED and not self.place.host
        try:
            async with asyncio.timeout(None if ended else seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
