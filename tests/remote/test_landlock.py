"""Landlock and the filter of system calls: what they leave, what they refuse, and that nothing starts without them."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from remote import landlock, landlock_inside

_CALL = "ctypes.CDLL(None, use_errno=True).syscall"
_ALLOWED = (
    "open('own/file', 'w').write('x'); os.rename('own/file', 'own/other'); os.unlink('own/other')",
    "socket.socketpair(); socket.socket(); socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "subprocess.run(['true'], stdin=subprocess.DEVNULL, check=True)",
    "subprocess.run(['sh', '-c', 'echo x | cat > own/y'], check=True)",
    "open('/dev/null', 'w').write('x'); open('/etc/passwd').read(); open('/proc/self/status').read()",
)
_REFUSED = (
    "open('beside').read()",
    "open('beside', 'a')",
    "os.truncate('beside', 0)",
    "os.rename('beside', 'own/beside')",
    "os.link('beside', 'own/linked')",
    "os.listdir('.')",
    "open('read/new', 'w')",
    "os.unlink('read/file')",
    "os.open('/dev/tty', os.O_RDWR)",
    "os.open('/dev/ptmx', os.O_RDWR)",
    "socket.socket(socket.AF_UNIX)",
    "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "socket.socket(40, socket.SOCK_STREAM)",
    f"assert {_CALL}(425, 1, ctypes.create_string_buffer(120)) >= 0",
    f"assert {_CALL}(0x40000000 + 39) >= 0",
    "subprocess.run([sys.executable, '-c', 'import socket; socket.socket(socket.AF_UNIX)'], check=True, stderr=-3)",
)
_TRY = """
import ctypes, os, socket, subprocess, sys
for code in sys.argv[1:]:
    try:
        exec(code)
        print("went")
    except BaseException:
        print("refused")
"""

needs_landlock = pytest.mark.skipif(
    landlock.find_abi() < landlock.LEAST, reason="this kernel has no Landlock, or an old"
)


@needs_landlock
def test_what_is_left_and_what_is_refused(tmp_path: Path) -> None:
    for name in ("own", "read"):
        (tmp_path / name).mkdir()
    for name in ("beside", "read/file"):
        (tmp_path / name).write_text("secret")
    system = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", sys.prefix, sys.base_prefix]
    rules = {
        "readable": [*system, str(tmp_path / "read"), str(tmp_path / "not there")],
        "writable": [str(tmp_path / "own")],
        "devices": ["/dev/null"],
    }
    start = [sys.executable, "-m", "remote.landlock_inside", json.dumps(rules), "--"]
    argv = [*start, sys.executable, "-I", "-c", _TRY, *_ALLOWED, *_REFUSED]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    went = dict(zip((*_ALLOWED, *_REFUSED), done.stdout.split(), strict=True))
    assert {code for code in _ALLOWED if went[code] != "went"} == set(), done.stderr
    assert {code for code in _REFUSED if went[code] != "refused"} == set()
    assert (tmp_path / "beside").read_text() == "secret"


def test_without_it_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "find_abi", lambda: landlock.LEAST - 1)
    start = Mock()
    monkeypatch.setattr(landlock_inside.os, "execvp", start)
    monkeypatch.delenv("TMPDIR", raising=False)
    with pytest.raises(OSError, match="Landlock"):
        landlock_inside.main([json.dumps({"readable": [], "writable": [], "devices": []}), "--", "true"])
    start.assert_not_called()
