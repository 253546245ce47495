"""What a host has: asked on the host itself, by castoff's runtime there."""

import getpass
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.events import Frozen
from remote.levels import Level
from remote.sandbox import probe_command

_SECONDS = 15.0
_VERSION = re.compile(r"\d+(?:\.\d+)+[a-z]?")
_PROGRAMS = {
    "tmux": ("tmux", "-V"),
    "rsync": ("rsync", "--version"),
    "git": ("git", "--version"),
    "bwrap": ("bwrap", "--version"),
}


class Facts(Frozen):
    """A host as it is now. Versions are ``""`` for what is not installed; ``free`` is bytes, ``load`` one minute's."""

    system: str
    user: str
    home: str
    python: str
    tmux: str
    rsync: str
    git: str
    bwrap: str
    sandbox: Level
    sandbox_detail: str
    """Why it is not level ``full``, in one sentence; empty if it is."""
    free: int
    free_inodes: int
    load: float
    processors: int

    @property
    def missing(self) -> tuple[str, ...]:
        """Programs that a run cannot do without and that are not there."""
        return tuple(name for name in ("tmux", "rsync", "git") if not getattr(self, name))


def collect_facts(where: Path | None = None) -> Facts:
    """Everything at once; space is measured where runs live, at ``where`` or HOME."""
    home = Path.home()
    disk = os.statvfs(where or home)
    versions = {name: _version(argv) for name, argv in _PROGRAMS.items()}
    sandbox, detail = _sandbox()
    return Facts(
        system=_system(),
        user=getpass.getuser(),
        home=str(home),
        python=platform.python_version(),
        sandbox=sandbox,
        sandbox_detail=detail,
        free=disk.f_bavail * disk.f_frsize,
        free_inodes=disk.f_favail,
        load=os.getloadavg()[0],
        processors=os.cpu_count() or 1,
        **versions,
    )


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.release()} {platform.machine()}"


def _version(argv: Sequence[str]) -> str:
    """The version that a program tells, or ``""`` if it is not installed or does not run."""
    if shutil.which(argv[0]) is None:
        return ""
    status, said = _run(argv)
    found = _VERSION.search(said)
    return found[0] if status == 0 and found else ""


def _sandbox() -> tuple[Level, str]:
    """The level that works here: tried, not guessed."""
    if shutil.which("bwrap") is None:
        return _without_bubblewrap(), "bubblewrap is not installed (apt install bubblewrap)."
    if not (why_not_full := _try_level("full")):
        return "full", ""
    if not (why := _try_level("open")):
        return "open", f"A sandbox without network does not work here: {why_not_full}."
    return _without_bubblewrap(), f"bubblewrap is installed and does not work here: {why}."


def _without_bubblewrap() -> Level:
    return "none" if _try_level("reduced") else "reduced"


def _try_level(level: Level) -> str:
    """Why it does not work, or ""."""
    status, said = _run(probe_command(level))
    if status == 0:
        return ""
    return said.strip().splitlines()[-1] if said.strip() else f"status {status}"


def _run(argv: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, cwd="/", check=False
        )
    except subprocess.TimeoutExpired:
        return -1, "it does not end"
    except OSError as error:
        return -1, f"it does not start: {error.strerror}"
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
