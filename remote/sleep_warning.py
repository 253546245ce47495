"""Hears from the system that this machine is about to sleep, and has it wait for a moment: logind, on Linux.

By programs that come with systemd and GLib: ``gdbus monitor`` hears the signal, ``systemd-inhibit`` holds a lock of the
kind ``delay``. logind waits for such locks no longer than its ``InhibitDelayMaxSec``, 5 s by default.
Source: https://systemd.io/INHIBITOR_LOCKS/
"""

import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.children import Child, start
from remote.errors import LocalLacks

_LISTEN = (
    "gdbus",
    "monitor",
    "--system",
    "--dest",
    "org.freedesktop.login1",
    "--object-path",
    "/org/freedesktop/login1",
)
_LOCK = (
    "systemd-inhibit",
    "--what=sleep",
    "--mode=delay",
    "--who=castoff",
    "--why=An agent is at work here; it can be cast off to a host.",
    "cat",  # ends when its input does, also when castoff is killed
)
_SIGNAL = re.compile(rb"org\.freedesktop\.login1\.Manager\.PrepareForSleep \((true|false),\)\s*$")


class Delay:
    """The machine sleeps only once this is released, or logind has waited long enough."""

    def __init__(self, lock: Child) -> None:
        self._lock = lock

    @property
    def held(self) -> bool:
        """Whether it is held, as far as can be known here."""
        return self._lock.returncode is None

    async def end(self) -> None:
        """Let the machine sleep, whoever is cancelled meanwhile."""
        await self._lock.end()

    async def release(self) -> None:
        """Let the machine sleep; a second time does nothing."""
        if self._lock.stdin is not None:
            self._lock.stdin.close()
        await self._lock.exited.wait()


async def sleep_warnings() -> AsyncGenerator[Delay]:
    """A `Delay` each time that the machine is about to sleep; ends when the system cannot be heard any more.

    Raises `LocalLacks` where that cannot be heard at all.
    """
    missing = [argv[0] for argv in (_LISTEN, _LOCK) if shutil.which(argv[0]) is None]
    if missing:
        raise LocalLacks(
            f"Whether this machine is about to sleep cannot be heard: {' and '.join(missing)} is not here.",
            "offer_at_sleep works on Linux with systemd and GLib's programs (libglib2.0-bin).",
        )
    listener = await start(_LISTEN, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True)
    delay = await _hold()
    try:
        async with aclosing(_signals(listener)) as signals:
            async for sleeping in signals:
                if sleeping:
                    yield delay
                elif not delay.held:
                    delay = await _hold()
    finally:
        await delay.end()
        await listener.end()


async def _hold() -> Delay:
    return Delay(await start(_LOCK, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True))


async def _signals(listener: Child) -> AsyncGenerator[bool]:
    """Whether the machine goes to sleep, or is awake again, as it is told."""
    assert listener.stdout is not None
    while line := await listener.stdout.readline():
        if found := _SIGNAL.search(line):
            yield found[1] == b"true"
