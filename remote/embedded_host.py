"""Start, find and stop the demo's own host (`remote.embedded`), which lives on when this process ends."""

import asyncio
import fcntl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.durable import make_private, read_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from remote.config import Host
from remote.errors import EmbeddedHostFailed
from remote.hostkeys import HostKey, HostKeys
from remote.processes import Identity, end_processes, is_alive

_START_SECONDS = 20.0
_READY = "ready.json"


class EmbeddedHost(Frozen):
    """A running embedded host: where it listens, which key logs in, and the key it shows."""

    port: int
    process: Identity
    user: str
    identity: str
    host_key: HostKey

    def host(self, name: str) -> Host:
        """The settings entry that leads to it."""
        return Host(name=name, destination="127.0.0.1", port=self.port, user=self.user, identity=self.identity)

    def pin(self, host_keys: HostKeys) -> None:
        """Trust its key: we made it ourselves."""
        if host_keys.look_up("127.0.0.1", self.port, self.host_key) != "same":
            host_keys.forget("127.0.0.1", self.port)
            host_keys.pin("127.0.0.1", self.port, self.host_key)


def find(root: Path) -> EmbeddedHost | None:
    """The host that serves ``root`` now, or ``None``."""
    if not is_served(root):
        return None
    try:
        found = read_model(root / _READY, EmbeddedHost)
    except RecordDamaged:
        return None
    # One that was killed leaves its file to the next, which overwrites it only when it listens.
    return found if is_alive(found.process) else None


async def start(root: Path, env: Mapping[str, str] | None = None) -> EmbeddedHost:
    """The host that serves ``root``, started now as a process of its own if there is none.

    ``env`` is the environment to start it with, by default this process's own. Raises `EmbeddedHostFailed` with the
    last line that it said.
    """
    if (running := find(root)) is not None:
        return running
    make_private(root)
    argv = [sys.executable, "-I", "-m", "remote.embedded", "--root", str(root), "--ready-file", str(root / _READY)]
    with (root / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it must outlive this event loop, and starting it takes milliseconds
            argv, cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while (running := find(root)) is None:
        # Ours may have ended because another starter's was quicker: then that one is waited for.
        ended = process.poll() is not None and not is_served(root)
        if ended or asyncio.get_running_loop().time() > deadline:
            process.kill()
            process.wait()
            said = (root / "log").read_text(errors="replace").strip().splitlines()
            raise EmbeddedHostFailed(
                f"The demo's host does not start: {said[-1] if said else 'it said nothing'}.", f"See {root / 'log'}."
            )
        await asyncio.sleep(0.02)
    if running.process.pid != process.pid:
        process.kill()  # else it might still be starting, and take over as soon as the other one is stopped
        process.wait()
    process.returncode = 0  # ours no longer: it lives on, and Popen must not warn about that
    return running


async def stop(root: Path) -> bool:
    """End the host that serves ``root``; whether there was one. Raises `EmbeddedHostFailed` if it does not end."""
    running = find(root)
    if running is None:
        return False
    if await end_processes((running.process,)):
        raise EmbeddedHostFailed(f"The demo's host (process {running.process.pid}) does not end.")
    return True


def is_served(root: Path) -> bool:
    """Whether a server holds the lock of ``root``."""
    try:
        lock = (root / "lock").open("rb")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
