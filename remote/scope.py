"""A control group of its own for a program, from the systemd of this user: what ends one group leaves the others alone.

Only where linger is on: without it that systemd ends with the last login, and takes its groups along.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_SECONDS = 3.0
_LINGER = Path("/var/lib/systemd/linger")
_ADDED = ("XDG_RUNTIME_DIR", "INVOCATION_ID")
"""What `systemd-run` needs, or adds, and the program does not get."""
LIMITS = ("MemoryMax=80%", "MemorySwapMax=50%", "TasksMax=4096", "CPUWeight=50")
"""What a run may take of its machine (man 5 systemd.resource-control): its runner, and you, stay able to act."""


def lingers() -> bool:
    """Whether this user's systemd lives on without a login (man 1 loginctl, enable-linger)."""
    try:
        return (_LINGER / pwd.getpwuid(os.getuid()).pw_name).exists()
    except KeyError:  # an account that is nowhere listed, as in containers
        return False


def scoped(argv: Sequence[str]) -> list[str]:
    """``argv`` in a group of its own, where that can be had; the process stays the one that is started.

    ``systemd-run --scope`` (man 1 systemd-run) makes the group, and becomes the program.
    """
    if not (lingers() and _works()):
        return list(argv)
    return _wrap(argv)


def _wrap(argv: Sequence[str]) -> list[str]:
    without = [word for name in _ADDED for word in ("-u", name)]
    limits = [word for limit in LIMITS for word in ("--property", limit)]
    run = ["systemd-run", "--user", "--scope", "--quiet", "--collect", *limits, "--", "env", *without, *argv]
    return ["env", f"XDG_RUNTIME_DIR={_runtime_dir()}", *run]


def _runtime_dir() -> str:
    return os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"


@cache
def _works() -> bool:
    """Whether it does here: tried once, not guessed."""
    if shutil.which("systemd-run") is None:
        return False
    try:
        done = subprocess.run(
            _wrap(["true"]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
