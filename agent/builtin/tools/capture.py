"""A command's output: head and tail kept, the middle counted, and its end shown while it runs."""

import codecs
import time
from collections.abc import Awaitable, Callable

HEAD = 10_000
TAIL = 20_000
SHOWN = 2_000
EVERY = 0.3
"""Characters kept of the beginning, of the end, shown while running; seconds between two showings."""


class Capture:
    """Collects output in constant memory; undecodable bytes become U+FFFD."""

    def __init__(self, show: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = ""
        self._tail = ""
        self._cut = 0
        self._shown_at = 0.0

    async def add(self, data: bytes) -> None:
        """Take the next bytes, and show the end of it all if it is time to."""
        text = self._decoder.decode(data)
        room = HEAD - len(self._head)
        self._head += text[:room]
        tail = self._tail + text[room:]
        excess = max(0, len(tail) - TAIL)
        self._cut += excess
        self._tail = tail[excess:]
        now = time.monotonic()
        if self._show is not None and now - self._shown_at >= EVERY:
            self._shown_at = now
            await self._show((self._head + self._tail)[-SHOWN:])

    def text(self) -> str:
        """Return what was kept, with a line that says how much was cut, if any."""
        if not self._cut:
            return self._head + self._tail
        return f"{self._head}\n[cut: {self._cut} characters]\n{self._tail}"
