"""Where a runner's viewers come in: the session's socket, and who is there."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable

from agent.durable import write_model
from agent.events import Frozen
from agent.paths import short_socket_path
from agent.recorder import Recorder
from agent.server import LINE_LIMIT, Handler, ViewerSession
from agent.sessions import SessionDir

_LAST_WORDS_SECONDS = 5.0
LONGEST_END_SECONDS = _LAST_WORDS_SECONDS
"""What `Reception.see_off` takes at most."""


class RunnerRecord(Frozen):
    """Where the runner of a session can be reached."""

    pid: int
    epoch: int
    socket: str


class Reception:
    """Serves whoever comes to ``session``'s socket. ``handle`` carries out commands, ``left`` is called when a viewer
    has gone; once ``ended`` is set nobody is let in any more."""

    def __init__(
        self, session: SessionDir, recorder: Recorder, handle: Handler, left: Callable[[], None], ended: asyncio.Event
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._handle = handle
        self._left = left
        self._ended = ended
        self._viewers: set[asyncio.Task[None]] = set()

    @property
    def empty(self) -> bool:
        """Whether nobody watches."""
        return not self._viewers

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncGenerator[None]:
        """Let viewers in, and say on disk where; neither is left behind."""
        socket = short_socket_path(self._session.path / "runner.sock")
        socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._welcome, path=socket, limit=LINE_LIMIT)
        socket.chmod(0o600)
        record = RunnerRecord(pid=os.getpid(), epoch=self._recorder.epoch, socket=str(socket))
        write_model(self._session.path / "runner.json", record)
        try:
            yield
        finally:
            server.close()
            socket.unlink(missing_ok=True)
            (self._session.path / "runner.json").unlink(missing_ok=True)

    async def see_off(self) -> None:
        """Wait a moment until the viewers have what was said last; the recorder is closed before."""
        if self._viewers:
            await asyncio.wait(self._viewers, timeout=_LAST_WORDS_SECONDS)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._ended.is_set():
            # Nothing more will come from here; whoever calls may start another runner.
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._viewers.add(task)
        try:
            await ViewerSession(self._recorder, self._session.id, self._handle, reader, writer).serve()
        finally:
            self._viewers.discard(task)
            self._left()
