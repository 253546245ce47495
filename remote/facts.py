"""What a host has: asked of the machine itself, by the program that runs there."""

import getpass
import os
import platform
import shutil
import subprocess
import sys

from agent.events import Frozen
from agent.paths import state_dir
from remote.sandbox import probe_command

_SECONDS = 15.0
_VERSION_FLAGS = {"tmux": "-V", "rsync": "--version", "git": "--version", "bwrap": "--version"}


class Facts(Frozen):
    """The machine in brief; a program's version line is "" where it is missing. ``sandbox``: bubblewrap really works.

    ``free_bytes`` and ``free_inodes`` are of the file system where runs live; ``load`` is the one-minute average.
    """

    user: str
    system: str
    machine: str
    python: str
    tmux: str
    rsync: str
    git: str
    bwrap: str
    sandbox: bool
    sandbox_detail: str
    free_bytes: int
    free_inodes: int
    load: float


def collect_facts() -> Facts:
    """Look at this machine; starts a few short programs, so call it in a thread."""
    versions = {name: _version(name, flag) for name, flag in _VERSION_FLAGS.items()}
    detail = _probe_sandbox() if versions["bwrap"] else "bubblewrap is not installed"
    space = os.statvfs(state_dir())
    return Facts(
        user=getpass.getuser(),
        system=_system(),
        machine=platform.machine(),
        python=".".join(str(part) for part in sys.version_info[:3]),
        **versions,
        sandbox=not detail,
        sandbox_detail=detail,
        free_bytes=space.f_bavail * space.f_frsize,
        free_inodes=space.f_favail,
        load=os.getloadavg()[0],
    )


def _system() -> str:
    if sys.platform == "linux":
        try:
            return platform.freedesktop_os_release()["PRETTY_NAME"]
        except (OSError, KeyError):
            return f"Linux {platform.release()}"
    return f"{platform.system()} {platform.release()}"


def _version(name: str, flag: str) -> str:
    path = shutil.which(name)
    if path is None:
        return ""
    done = subprocess.run([path, flag], capture_output=True, text=True, timeout=_SECONDS, check=False)
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else name


def _probe_sandbox() -> str:
    """Why no sandbox can be built here, "" if one can."""
    done = subprocess.run(
        probe_command(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"bubblewrap ended with status {done.returncode}"
