"""Commands on the embedded host: one real process for each channel, its streams pumped both ways.

asyncssh's own redirection buffers without bound; these pumps wait for the slower side. Reading a client's input
may raise `TerminalSizeChanged` and `BreakReceived` in the middle of the stream.
"""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncssh

from agent import children

_CHUNK = 256 * 1024
_ALL = 64 * 1024 * 1024
"""More than a client can have sent: whoever takes less than all from asyncssh is sent more than was taken."""
_LINGER_SECONDS = 5.0
_STOP_SECONDS = 2.0

Process = asyncssh.SSHServerProcess[bytes]
Pumps = asyncio.Future[Any]


class Shell:
    """Runs what clients ask for by ``/bin/sh`` with one fixed environment and directory."""

    def __init__(self, env: dict[str, str], cwd: Path) -> None:
        self._env = env
        self._cwd = cwd
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, process: Process) -> None:
        """Serve one channel to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            status = await (self._on_terminal(process) if process.term_type else self._on_pipes(process))
        except (asyncssh.Error, OSError):
            process.close()  # the client went away
        else:
            _exit(process, status)
        finally:
            self._tasks.discard(task)

    async def stop(self) -> None:
        """End all commands still running; one that cannot be ended is left after some seconds."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)

    async def _on_pipes(self, process: Process) -> int:
        child = await children.start(
            self._argv(process),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
            limit=2 * _CHUNK,
        )
        assert child.stdin and child.stdout and child.stderr
        feeding = asyncio.create_task(_feed(process, child.stdin))
        printing = asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
        try:
            return await _ended(child, process, printing)
        finally:
            await _settle(feeding, printing)
            child.stdin.close()
            _end_group(child)

    async def _on_terminal(self, process: Process) -> int:
        leader, follower = pty.openpty()
        with os.fdopen(leader, "rb", 0) as terminal:
            _resize(leader, process.term_size)
            env = {**self._env, "TERM": process.term_type or "dumb"}
            try:
                child = await children.start(
                    self._argv(process),
                    stdin=follower,
                    stdout=follower,
                    stderr=follower,
                    env=env,
                    cwd=self._cwd,
                    start_new_session=True,
                    preexec_fn=_take_terminal,
                )
            finally:
                os.close(follower)
            reader = asyncio.StreamReader()
            # From here on the terminal does not block, in neither direction.
            output, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), terminal
            )
            feeding = asyncio.create_task(_type(process, leader))
            printing = asyncio.gather(_pump(reader, process.stdout))
            try:
                return await _ended(child, process, printing)
            finally:
                await _settle(feeding, printing)
                output.close()
                _end_group(child)

    def _argv(self, process: Process) -> list[str]:
        return ["/bin/sh", "-c", process.command] if process.command is not None else ["/bin/sh", "-l"]


async def _ended(child: children.Child, process: Process, printing: Pumps) -> int:
    """The child's status once its output was delivered; a daemon that keeps the pipes delays it only briefly."""
    waiting = asyncio.ensure_future(child.exited.wait())
    gone = asyncio.ensure_future(process.channel.wait_closed())
    try:
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise BrokenPipeError  # the client closed the channel
        await asyncio.wait([printing, gone], timeout=_LINGER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert child.returncode is not None
        return child.returncode
    finally:
        waiting.cancel()
        gone.cancel()


async def _pump(reader: asyncio.StreamReader, writer: "asyncssh.SSHWriter[bytes]") -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()


async def _feed(process: Process, stdin: asyncio.StreamWriter) -> None:
    """The client's input to the child's; ends quietly when either of them does."""
    try:
        async for data in _input(process):
            if isinstance(data, bytes):
                stdin.write(data)
                await stdin.drain()
        stdin.close()
    except (asyncssh.Error, OSError):
        return


async def _type(process: Process, leader: int) -> None:
    """The client's keys and sizes to the terminal."""
    try:
        async for data in _input(process):
            if isinstance(data, bytes):
                await _write_all(leader, data)
            else:
                _resize(leader, (data.width, data.height, data.pixwidth, data.pixheight))
    except (asyncssh.Error, OSError):
        return


async def _input(process: Process) -> AsyncGenerator[bytes | asyncssh.TerminalSizeChanged]:
    """The client's input, with new terminal sizes in between."""
    while True:
        try:
            data = await process.stdin.read(_ALL)
        except asyncssh.TerminalSizeChanged as size:
            yield size
        except asyncssh.BreakReceived:
            yield b"\x03"
        except asyncssh.SignalReceived:
            continue  # as sshd by default: signals are not delivered
        else:
            if not data:
                return
            yield data


async def _write_all(descriptor: int, data: bytes) -> None:
    """All bytes to a descriptor that does not block; waits while it is full."""
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            writable = asyncio.Event()
            loop.add_writer(descriptor, writable.set)
            try:
                await writable.wait()
            finally:
                loop.remove_writer(descriptor)


def _take_terminal() -> None:
    """In the child, after setsid: make the terminal the controlling one, so that Ctrl-C and job control work."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _resize(leader: int, size: tuple[int, int, int, int]) -> None:
    width, height, pixwidth, pixheight = size
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, pixwidth, pixheight))


async def _settle(*tasks: Pumps) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _end_group(child: asyncio.subprocess.Process) -> None:
    """End what the client left behind in the foreground; daemons have sessions of their own."""
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGHUP)
        except ProcessLookupError:
            return


def _exit(process: Process, status: int) -> None:
    if process.is_closing():
        return
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)
