"""Keeps a run's runner: starts it, and starts it again when it crashed. It is what the run's tmux pane shows.

Runs by itself (``python -I -m remote.keeper SESSION_DIR``) and loads nothing but the standard library, so that it stays
small and has little to crash of. What says why it ends is not started again; after `PAUSES` crashes within
`WINDOW_SECONDS` a last runner is started that tells its user and waits. SIGTERM ends both, SIGHUP neither.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from types import FrameType

CRASHED = 70
"""Exit status of a runner that ended by a fault of its own (EX_SOFTWARE of sysexits.h)."""
BUSY = 75
"""Exit status of a keeper that found another one (EX_TEMPFAIL)."""
PAUSES = (0.5, 2.0, 10.0, 30.0)
"""Seconds before each further start."""
WINDOW_SECONDS = 900.0
HELD = "The runner crashed again and again: nothing goes on before you resume."

Wait = Callable[["subprocess.Popen[bytes] | None", float | None], bool]
"""Waits until the process ends, or for some seconds; returns whether everything is to end."""


def main(arguments: Sequence[str]) -> int:
    """Keep the runner of the session in the given directory; returns the last runner's exit status."""
    session = Path(arguments[0])
    with _lock(session) as alone:
        if not alone:
            _say("another keeper has this run already.")
            return BUSY
        with _signals() as wait:
            return keep([sys.executable, "-I", "-m", "remote.runner_cli", "serve", str(session)], wait)


def keep(serve: Sequence[str], wait: Wait) -> int:
    """Run ``serve`` until it ends otherwise than by a crash, or crashes too often."""
    crashes: list[float] = []
    held = False
    while True:
        runner = subprocess.Popen([*serve, *(["--held", HELD] if held else [])], stdin=subprocess.DEVNULL)
        ending = wait(runner, None)
        status = runner.returncode
        _end_orphans()
        if ending or held or not is_crash(status):
            return status if status >= 0 else 128 - status
        crashes = [at for at in crashes if time.monotonic() - at < WINDOW_SECONDS]
        held = len(crashes) == len(PAUSES)
        pause = PAUSES[-1 if held else len(crashes)]
        crashes.append(time.monotonic())
        _say(f"the runner ended by {_describe(status)}; it is started again in {pause:g} s.")
        if wait(None, pause):
            return 128 + signal.SIGTERM


def is_crash(status: int) -> bool:
    """Whether a runner ended without having said why: by a signal that is no polite request, or a fault of its own."""
    return status == CRASHED or (status < 0 and status not in (-signal.SIGTERM, -signal.SIGINT))


def find_keeper(session: Path) -> int | None:
    """The number of the process that keeps the run, or ``None``: the system's own word, of whoever holds the lock."""
    try:
        descriptor = os.open(session / "keeper.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = struct.pack(_FLOCK, *_ordered(fcntl.F_WRLCK, 0))
        kind, pid = _parts(struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)))
    finally:
        os.close(descriptor)
    return None if kind == fcntl.F_UNLCK else pid


# struct flock (man 2 fcntl): l_type, l_whence, l_start, l_len, l_pid on Linux; start, len, pid, type, whence on macOS.
_LINUX = sys.platform == "linux"
_FLOCK = "hhqqi4x" if _LINUX else "qqihh"


def _ordered(kind: int, pid: int) -> tuple[int, ...]:
    return (kind, os.SEEK_SET, 0, 0, pid) if _LINUX else (0, 0, pid, kind, os.SEEK_SET)


def _parts(fields: tuple[int, ...]) -> tuple[int, int]:
    return (fields[0], fields[4]) if _LINUX else (fields[3], fields[2])


@contextlib.contextmanager
def _lock(session: Path) -> Generator[bool]:
    """Whether nobody else has the lock; a crash of its holder frees it. Not inherited, and nobody takes it to look."""
    descriptor = os.open(session / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # either, says man 3 lockf
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _signals() -> Generator[Wait]:
    """A wait that no signal can slip past: each writes a byte that the wait reads. Ctrl-C is the runner's to take."""
    inbox, outbox = socket.socketpair()
    inbox.setblocking(False)
    outbox.setblocking(False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, _ignore)
    signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
    told: list[int] = []

    def wait(runner: "subprocess.Popen[bytes] | None", seconds: float | None) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        asked = False
        while True:
            if signal.SIGTERM in told and runner is None:
                return True
            if signal.SIGTERM in told and runner is not None and not asked:
                runner.terminate()
                asked = True
            if runner is not None and runner.poll() is not None:
                return signal.SIGTERM in told
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            if select.select([inbox], [], [], left)[0]:
                told.extend(inbox.recv(4096))

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(-1)
        inbox.close()
        outbox.close()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Unlike a signal that is ignored, one that is taken is not so in the runner."""


def _end_orphans() -> None:
    """End what the crashed runner left: an agent without one would work on beside the next."""
    beyond_reach = set[int]()
    while pids := _children() - beyond_reach:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:
                # Another user's, as by sudo where there is no sandbox: the run does not wait for it.
                beyond_reach.add(pid)
                continue
            os.waitpid(pid, 0)


def _children() -> set[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(map(int, path.read_text().split())) if path.exists() else set()


def _adopt_orphans() -> None:
    """Let what a runner leaves become children of this process (Linux: man 2 prctl, PR_SET_CHILD_SUBREAPER)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def _describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"a fault of its own (status {status})"


def _say(sentence: str) -> None:
    # Its terminal may be gone, and the run goes on without one.
    with contextlib.suppress(OSError):
        sys.stdout.write(f"castoff: {sentence}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _adopt_orphans()
    sys.exit(main(sys.argv[1:]))
