"""Processes that outlive castoff: told apart from later ones of the same number, found by their environment, ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from agent.events import Frozen

_TERM_SECONDS = 5.0
_KILL_SECONDS = 5.0
_PROC = Path("/proc")


class Identity(Frozen):
    """A process: numbers are used again, a number with its start is not. ``started`` is in the system's own words."""

    pid: int
    started: str


def identify(pid: int) -> Identity | None:
    """The process that has this number now, or ``None``."""
    started = _started_by_proc(pid) if _PROC.joinpath("self/stat").exists() else _started_by_ps(pid)
    return Identity(pid=pid, started=started) if started else None


def is_alive(process: Identity) -> bool:
    """Whether this very process lives."""
    return identify(process.pid) == process


def find_by_environment(name: str, root: Path) -> tuple[Identity, ...]:
    """The processes of this user that were started with the variable ``name`` naming ``root`` or a path below it.

    Neither this process nor those that it descends from.
    """
    found = _environments_by_proc(name) if _PROC.joinpath("self/environ").exists() else _environments_by_ps(name)
    own = _ancestry()
    chosen = (pid for pid, value in found if pid not in own and (value == str(root) or value.startswith(f"{root}/")))
    return tuple(identity for pid in chosen if (identity := identify(pid)) is not None)


def find_by_folder(program: str, folder: Path) -> tuple[Identity, ...]:
    """The processes of the file name ``program`` that are at work in ``folder`` or below it; none without /proc."""
    inside, found = folder.resolve(), list[Identity]()
    for directory in _PROC.glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if (directory / "comm").read_text(errors="replace").strip() != program:
                continue
            at_work = (directory / "cwd").readlink().is_relative_to(inside)
            if at_work and (identity := identify(int(directory.name))) is not None:
                found.append(identity)
    return tuple(found)


def list_command_lines() -> tuple[str, ...]:
    """The command lines of all processes that can be looked at, their words parted by NUL or spaces."""
    if not _PROC.joinpath("self/cmdline").exists():
        return tuple(_ps("-A", "-ww", "-o", "args=").splitlines())
    lines: list[str] = []
    for directory in _PROC.iterdir():
        if directory.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                lines.append(os.fsdecode((directory / "cmdline").read_bytes()))
    return tuple(lines)


async def end_processes(processes: Iterable[Identity]) -> tuple[Identity, ...]:
    """Ask processes to end, then make them; returns those that live on all the same."""
    living = tuple(processes)
    for number, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        for process in living:
            _send(process, number)
        living = await _wait(living, seconds)
    return living


async def _wait(processes: tuple[Identity, ...], seconds: float) -> tuple[Identity, ...]:
    """Wait until they have ended, for some seconds at most; returns those that have not."""
    deadline = asyncio.get_running_loop().time() + seconds
    living = tuple(process for process in processes if is_alive(process))
    while living and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
        living = tuple(process for process in living if is_alive(process))
    return living


def _send(process: Identity, number: signal.Signals) -> None:
    try:
        if is_alive(process):
            os.kill(process.pid, number)
    except ProcessLookupError:
        return


def _started_by_proc(pid: int) -> str:
    """The start in clock ticks since boot, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, or ""."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The first field here is the third of the page; a zombie only waits to be noticed.
    return "" if fields[0] in ("Z", "X") else fields[19]


def _started_by_ps(pid: int) -> str:
    return _ps("-o", "lstart=", "-p", str(pid)).strip()


def _environments_by_proc(name: str) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    wanted = os.fsencode(name) + b"="
    for directory in _PROC.iterdir():
        if not directory.name.isdecimal():
            continue
        try:
            if directory.stat().st_uid != os.getuid():
                continue
            variables = (directory / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is not ours to look at
        value = next((v for v in variables if v.startswith(wanted)), None)
        if value is not None:
            found.append((int(directory.name), os.fsdecode(value[len(wanted) :])))
    return found


def _environments_by_ps(name: str) -> list[tuple[int, str]]:
    """As well as ``ps e`` can: the variables stand behind the command, parted by spaces."""
    found: list[tuple[int, str]] = []
    for line in _ps("-x", "-wwE", "-o", "pid=,command=").splitlines():
        pid, _, text = line.strip().partition(" ")
        value = text.rpartition(f" {name}=")[2] if f" {name}=" in text else ""
        if pid.isdecimal() and value:
            found.append((int(pid), value.split(" ")[0]))
    return found


def _ancestry() -> set[int]:
    """This process and those that it descends from."""
    pids, pid = set[int](), os.getpid()
    while pid > 1 and pid not in pids:
        pids.add(pid)
        pid = int(_ps("-o", "ppid=", "-p", str(pid)).strip() or 0) if not _PROC.is_dir() else _parent_by_proc(pid)
    return pids


def _parent_by_proc(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _ps(*words: str) -> str:
    return subprocess.run(["ps", *words], capture_output=True, text=True, errors="replace", check=False).stdout
