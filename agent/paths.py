"""Where castoff keeps its things: state, settings, data; the same layout here and on a host."""

import hashlib
import os
import tempfile
from pathlib import Path

from platformdirs import PlatformDirs

from agent.directories import make_private

_SOCKET_PATH_LIMIT = 100
"""Bytes that a unix socket's path may have on every system we run on (Linux 107, macOS 103)."""


def state_dir() -> Path:
    """``$CASTOFF_STATE``, else the system's place for state."""
    given = os.environ.get("CASTOFF_STATE")
    return make_private(Path(given) if given else PlatformDirs("castoff").user_state_path)


def config_dir() -> Path:
    """``$CASTOFF_CONFIG``, else the system's place for settings."""
    given = os.environ.get("CASTOFF_CONFIG")
    return make_private(Path(given) if given else PlatformDirs("castoff").user_config_path)


def data_dir() -> Path:
    """``$CASTOFF_DATA``, else the system's place for programs and their data."""
    given = os.environ.get("CASTOFF_DATA")
    return make_private(Path(given) if given else PlatformDirs("castoff").user_data_path)


def short_socket_path(wanted: Path) -> Path:
    """``wanted``, or where that is too long for a unix socket a stable short path in a private directory."""
    if len(os.fsencode(wanted)) <= _SOCKET_PATH_LIMIT:
        return wanted
    private = Path(tempfile.gettempdir()) / f"castoff-{os.getuid()}"
    make_private(private)
    owner = private.lstat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077:
        raise PermissionError(f"{private} belongs to somebody else or is open to others.")
    return private / hashlib.sha256(os.fsencode(wanted)).hexdigest()[:20]
