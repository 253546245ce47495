"""Level ``reduced``: the host's own paths, kept to by Landlock and a filter of system calls (`remote.landlock`).

Pure: builds argument lists, starts nothing.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

_READABLE = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/proc"),
    *("/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager/resolv.conf", "/run/nscd"),
    *("/sys/devices/system/cpu", "/sys/fs/cgroup"),  # how many processors there are, and the group's own limits
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
"""Not the terminals: the same user's others are among them."""


def keep_to(argv: Sequence[str], readable: Sequence[Path], writable: Sequence[Path]) -> list[str]:
    """The argument list that runs ``argv`` with the system's files and these alone."""
    rules = {
        "readable": [*_READABLE, *map(str, readable)],
        "writable": [*map(str, writable)],
        "devices": [*_DEVICES],
    }
    return [sys.executable, "-I", "-m", "remote.landlock_inside", json.dumps(rules), "--", *argv]


def temporary(home: Path) -> Path:
    """Where temporary files of a run with this HOME are: /tmp is everybody's."""
    return home / ".cache" / "tmp"
