"""The machine is about to sleep: heard from a double of logind on a real bus, by the real programs."""

import asyncio
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from agent.children import start
from remote.errors import LocalLacks
from remote.sleep_warning import sleep_warnings

_CONFIG = """<busconfig>
  <type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_SYSTEM_PYTHON = "/usr/bin/python3"
_LOGIND = """

import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.login1"


class Manager(dbus.service.Object):
    @dbus.service.method(f"{NAME}.Manager", in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, why, mode):
        ours, theirs = os.pipe()
        print("lock", what, who, mode, flush=True)
        GLib.io_add_watch(ours, GLib.IO_HUP, lambda *_: print("unlock", flush=True))
        sent = dbus.types.UnixFd(theirs)
        os.close(theirs)
        return sent

    @dbus.service.signal(f"{NAME}.Manager", signature="b")
    def PrepareForSleep(self, start):
        pass


def main() -> None:
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    manager = Manager(bus, "/org/freedesktop/login1", bus_name=dbus.service.BusName(NAME, bus))
    loop = GLib.MainLoop()

    def told(*_):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
        else:
            manager.PrepareForSleep(line.strip() == "sleep")
        return bool(line)

    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, told)
    print("ready", flush=True)
    loop.run()


main()
"""
"""A double of logind, for the system's Python. It says ``lock`` and ``unlock`` as a delay is held and released, and is
told ``sleep`` and ``wake``."""


def _lacks() -> str:
    probes = ((_SYSTEM_PYTHON, "-c", "import dbus, gi"), ("dbus-daemon", "--version"), ("gdbus", "help"))
    for argv in (*probes, ("systemd-inhibit", "--version")):
        try:
            if subprocess.run(argv, capture_output=True, check=False).returncode:
                return " ".join(argv)
        except FileNotFoundError:
            return argv[0]
    return ""


class _Logind:
    def __init__(self, process: Process) -> None:
        self._process = process

    async def says(self, wanted: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            assert (await self._process.stdout.readline()).decode().strip() == wanted

    def tells(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())


@pytest.fixture
async def logind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[_Logind]:
    if lacks := _lacks():
        pytest.skip(f"a double of logind needs a bus and the system's Python with dbus and gi: {lacks} fails")
    config = tmp_path / "bus.conf"
    config.write_text(_CONFIG.format(socket=tmp_path / "bus"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'bus'}")
    daemon = await start(("dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"), stdout=PIPE)
    assert daemon.stdout is not None
    await daemon.stdout.readline()
    double = await start((_SYSTEM_PYTHON, "-I", "-c", _LOGIND), stdin=PIPE, stdout=PIPE)
    told = _Logind(double)
    await told.says("ready")
    yield told
    for process in (double, daemon):
        await process.end()


async def test_a_sleep_waits_until_it_is_released_and_the_next_one_too(logind: _Logind) -> None:
    warnings = sleep_warnings()
    waiting = asyncio.ensure_future(anext(warnings))
    await logind.says("lock sleep castoff delay")
    # Until it is heard: the listener may come to the bus after the lock.
    while not waiting.done():
        logind.tells("sleep")
        await asyncio.wait([waiting], timeout=0.2)
    delay = waiting.result()
    assert delay.held
    await delay.release()
    await logind.says("unlock")
    again = asyncio.ensure_future(anext(warnings))
    logind.tells("wake")
    await logind.says("lock sleep castoff delay")
    logind.tells("sleep")
    assert (await asyncio.wait_for(again, 20)).held
    await warnings.aclose()
    await logind.says("unlock")


async def test_where_nothing_can_be_heard_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalLacks, match="gdbus and systemd-inhibit"):
        await anext(sleep_warnings())
