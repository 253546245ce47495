"""The news of runs: rounds of asking the hosts, each put on the board as it comes."""

import time
from collections.abc import Callable, Collection

from remote.run import Runs
from tui.backend import Backend
from tui.board import Board, close, take, untroubling

PAUSE_SECONDS = 5.0
"""Between two rounds, at least: hosts read whole journals for an answer."""
_SHARE = 10
"""A pause is so many times as long as the round before took."""


class Feed:
    """Keeps the board; ``show`` is told whenever it changed."""

    def __init__(self, backend: Backend, show: Callable[[Board], None]) -> None:
        self.board = Board()
        self.hosts = 0
        """How many hosts there are."""
        self.came = 0.0
        """When the last answer came, by `time.monotonic`; 0: none yet."""
        self._backend = backend
        self._show = show

    async def ask_all(self) -> float:
        """Ask all hosts; seconds to wait before asking again. Raises `RemoteError`, `AgentError`."""
        self.hosts = len(self._backend.hosts())
        self._show(self.board)
        return await self._round(None)

    async def ask_again(self) -> float:
        """Ask all hosts but those that the user would be asked something for; else as `ask_all`."""
        hosts = [host.name for host in self._backend.hosts()]
        self.hosts = len(hosts)
        quiet = untroubling(self.board, hosts)
        return await self._round(quiet) if quiet else PAUSE_SECONDS

    async def _round(self, asked: Collection[str] | None) -> float:
        begun = time.monotonic()
        parts: list[Runs] = []
        async for part in self._backend.runs(asked or ()):
            parts.append(part)
            self._put(take(self.board, part, time.monotonic()))
        self._put(close(self.board, asked, parts))
        return max(PAUSE_SECONDS, _SHARE * (time.monotonic() - begun))

    def _put(self, board: Board) -> None:
        self.board, self.came = board, time.monotonic()
        self._show(board)
