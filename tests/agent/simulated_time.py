"""An event loop whose time passes only when nothing is left to do, and then at once."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Never waits: where nothing is there to be read, time passes."""

    def __init__(self, clock: "SimulatedLoop") -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout != 0:
            if timeout is None:
                raise RuntimeError("Everybody waits, and nobody for a time.")
            self._clock.now += timeout
        return found


class _AtOnce(ThreadPoolExecutor):
    """Does what is asked of it before it answers: a thread would let time pass meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # whoever waits for it gets it
            future.set_exception(error)
        return future


class SimulatedLoop(asyncio.SelectorEventLoop):
    """``now`` are the seconds that have passed in it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))
        self.set_default_executor(_AtOnce())

    def time(self) -> float:
        return self.now
