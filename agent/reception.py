"""Where a runner's viewers come in: the session's socket, and who is there."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from agent.durable import read_model, write_model
from agent.errors import RecordDamaged
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


class BootRecord(Frozen):
    """The machine's boot in which the session was last served, "" if that cannot be told."""

    boot: str


def boot_id() -> str:
    """What tells one boot of this machine from the next: Linux's random one (man 4 random), elsewhere ""."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def was_rebooted(session: SessionDir) -> bool:
    """Whether the machine was restarted since a runner served the session here; ask before the next one is there."""
    try:
        last = read_model(session.path / "boot.json", BootRecord).boot
    except RecordDamaged:
        return False
    return "" not in (last, boot_id()) and last != boot_id()


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
        write_model(self._session.path / "boot.json", BootRecord(boot=boot_id()))
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
        self._recorder.greeted_at = time.time()
        try:
            await ViewerSession(self._recorder, self._session.id, self._handle, reader, writer).serve()
        finally:
            self._viewers.discard(task)
            self._left()
