"""A run's terminal on its host, shown in the terminal here until the user goes back."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

from agent.sanitise import clean
from remote.channel import Channel, TerminalSize
from remote.errors import ConnectionLost, TerminalFailed
from remote.host_client import runner_command
from remote.links import Links

Lend = Callable[[], AbstractContextManager[None]]
"""Whoever has the terminal here gives it up for the length of the context."""

_ANY_KIND = "xterm-256color"
_KNOWN = ("xterm", "screen", "screen-256color", "tmux", "tmux-256color", "linux", "vt100", "vt220")
_CHUNK = 64 * 1024
_TAIL = 2000
_CALM = b"\x1b[?1049l\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m"
"""Ends what a program that was cut off may have switched on: the other screen, mouse, paste and cursor-key modes."""


async def show_terminal(links: Links, host: str, run_id: str, lend: Lend) -> None:
    """Show a run's tmux in the terminal on standard input and output until its user goes back.

    What a host sends here reaches the terminal as it is, as with ssh. Raises `remote.errors.RemoteError`.
    """
    client = await links.client(host)
    argv = runner_command(client.runtime, "terminal", run_id)
    keys, screen = sys.__stdin__, sys.__stdout__
    if keys is None or screen is None or not keys.isatty():
        raise TerminalFailed("There is no terminal to show the run in.")
    async with await client.connection.open_terminal(argv, _kind(), _size(screen.fileno())) as channel:
        with lend():
            said = await _join(channel, keys.fileno(), screen.fileno())
        if await channel.wait() != 0:
            last = clean(said.decode(errors="replace")).strip().splitlines()
            raise TerminalFailed(f"The run's terminal cannot be shown: {last[-1] if last else 'it said nothing'}")


def _kind() -> str:
    """TERM, if it is one that any host knows; others understand what it stands for."""
    kind = os.environ.get("TERM", "")
    return kind if kind in _KNOWN else _ANY_KIND


def _size(screen: int) -> TerminalSize:
    found = os.get_terminal_size(screen)
    return found.columns, found.lines


async def _join(channel: Channel, keys: int, screen: int) -> bytes:
    """Keys there, output here, until the command ends or the link is lost; the last of its output."""
    loop = asyncio.get_running_loop()
    tail = bytearray()

    def typed() -> None:
        data = os.read(keys, _CHUNK)
        if not data:
            loop.remove_reader(keys)
            channel.close()
        with contextlib.suppress(ConnectionLost):
            channel.writer.write(data)

    with _raw(keys):
        loop.add_reader(keys, typed)
        loop.add_signal_handler(signal.SIGWINCH, lambda: channel.resize(_size(screen)))
        try:
            while data := await channel.reader.read(_CHUNK):
                tail += data
                del tail[:-_TAIL]
                await asyncio.to_thread(_write, screen, data)
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            loop.remove_reader(keys)
            _write(screen, _CALM)
    return bytes(tail)


@contextlib.contextmanager
def _raw(keys: int) -> Generator[None]:
    before = termios.tcgetattr(keys)
    tty.setraw(keys)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSAFLUSH, before)


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]
