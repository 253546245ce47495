"""What strace saw: the calls of a program and of all that it started, in the order in which they ended."""

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    *("openat", "mkdir", "mkdirat", "write", "pwrite64", "writev", "copy_file_range", "sendfile", "ftruncate"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "close", "sendto", "sendmsg"),
    "execve",
)
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_NAMED = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_OPEN = re.compile(r"(\d+)<([^>]*)>")
_ATTACH = """
{strace} -p $$ </dev/null >/dev/null 2>&1 &
attached() {{
    while read -r name value; do
        [ "$name" != TracerPid: ] || [ "$value" = 0 ] || return 0
    done </proc/$$/status
    return 1
}}
until attached; do kill -0 $! || exit 97; done
exec "$@"
"""
_FOLDER = re.compile(r"(?:^|, )\d+<([^>]*)>")
_BY_NAME = ("openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "execve")


@dataclass(frozen=True)
class Call:
    """One call of the thread ``thread``. ``paths`` are absolute where the call has any: of its open file, or those it
    names; ``keys`` are those by which ``strace -P`` knows it; ``result`` is ``None`` when the thread died in it."""

    thread: int
    name: str
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    text: str
    result: int | None

    @property
    def path(self) -> str:
        """The last of `paths`: what a rename makes; ``""`` without any."""
        return self.paths[-1] if self.paths else ""

    @property
    def creates(self) -> bool:
        """Whether it may make a file."""
        return self.name == "openat" and "O_CREAT" in self.text

    @property
    def descriptor(self) -> int | None:
        """The open file that it is about, by number."""
        found = _OPEN.match(self.text)
        return int(found[1]) if found and self.name not in _BY_NAME else None

    @property
    def to_others(self) -> bool:
        """Whether it tells another process or machine something."""
        return self.name in ("sendto", "sendmsg") or (self.name == "write" and not self.path.startswith("/"))


def strace(out: Path | str, *options: str, calls: Sequence[str] = CALLS) -> list[str]:
    """The command line that a program's own is put behind.

    The tracer is a child that holds none of the program's pipes: to everybody else the program is as it always is.
    """
    words = ["strace", "-f", "-qq", "-y", "-s", "1", "-o", str(out), "-e", f"trace={','.join(calls)}", *options]
    return ["sh", "-c", _ATTACH.format(strace=shlex.join(words)), "sh"]


def parse(lines: Iterable[str]) -> list[Call]:
    """The calls in a file that strace wrote with ``-f -y``."""
    begun: dict[int, str] = {}
    calls: list[Call] = []
    for line in lines:
        split = _LINE.match(line)
        if split is None:
            continue
        thread, text = int(split[1]), split[2]
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>")
            continue
        if resumed := _RESUMED.match(text):
            text = begun.pop(thread, "") + resumed[1]
        if found := _CALL.match(text):
            result = None if found[3] == "?" else int(found[3])
            name, given = found[1], found[2]
            calls.append(Call(thread, name, _paths(name, given), _keys(name, given), given, result))
    return calls


def was_killed(lines: Iterable[str]) -> bool:
    """Whether a process was killed."""
    return any("+++ killed by SIGKILL" in line for line in lines)


def _paths(name: str, text: str) -> tuple[str, ...]:
    if name in _BY_NAME:
        return tuple(os.path.normpath(Path(folder, given)) for folder, given in _NAMED.findall(text))
    found = _OPEN.match(text)
    return (found[2],) if found else ()


def _keys(name: str, text: str) -> tuple[str, ...]:
    if name not in _BY_NAME:
        return _paths(name, text)
    names = tuple(given for _, given in _NAMED.findall(text) if given.startswith("/"))
    # Of a rename's two names it looks at the first one only.
    return names[:1] if name == "rename" else (*names, *_FOLDER.findall(text))
