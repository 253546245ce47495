"""What the app's tests share: a pinned environment, and waiting for conditions."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from textual.message import Message
from textual.pilot import Pilot

from tests.tui.doubles import DoubleBackend
from tui.app import CastoffApp
from tui.workspace import Workspace


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


@dataclass
class Stand:
    """A running app, its double of the world, and every message that was handled."""

    app: CastoffApp
    backend: DoubleBackend
    pilot: Pilot[None]
    seen: list[Message] = field(default_factory=list[Message])

    @property
    def workspace(self) -> Workspace:
        found = [s for s in self.app.screen_stack if isinstance(s, Workspace)]
        assert found
        return found[-1]

    @property
    def notices(self) -> list[str]:
        return [n.message for n in self.app._notifications]  # pyright: ignore[reportPrivateUsage]  # no public reader

    async def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition never held"
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.pilot.press(*["space" if c == " " else "slash" if c == "/" else c for c in text])

    async def passes(self, seconds: float) -> None:
        """Let the app's own clock pass, where what is tested is a span of time."""
        await asyncio.sleep(seconds)


Stage = Callable[..., AbstractAsyncContextManager[Stand]]


@pytest.fixture
def stage() -> Stage:
    @asynccontextmanager
    async def run(
        backend: DoubleBackend | None = None, size: tuple[int, int] = (120, 40), verase: bytes = b"\x7f"
    ) -> AsyncGenerator[Stand]:
        backend = backend or DoubleBackend()
        app = CastoffApp(lambda: backend, verase=verase)
        seen: list[Message] = []
        async with app.run_test(size=size, message_hook=seen.append) as pilot:
            stand = Stand(app, backend, pilot, seen)
            await stand.wait(lambda: len(app.screen_stack) > 1 and app.screen.is_mounted and app.screen.size.width)
            if backend.events:
                await stand.wait(lambda: stand.workspace.state.head_seq == backend.events[-1].seq)
            yield stand

    return run


SIZES = ((80, 24), (120, 40))
