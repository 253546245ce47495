"""What the attributes of a tree's files ask git to run: the filter drivers of LFS and its like, and their programs."""

import re
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from snapshot.credentials import read_settings
from snapshot.git import git
from snapshot.manifest import in_git
from snapshot.scan import Scan

_LONGEST = 1 << 20
"""Bytes of an attributes file that are looked at."""
_FILTER = re.compile(rb"(?:^|\s)filter=(\S+)")
_COMMANDS = r"^filter\..*\.(clean|smudge|process)$"
_PROGRAM = re.compile(r"(?:/[\w.+/ -]+|[\w.+-]+)")


class Drivers(NamedTuple):
    """``programs`` are names or absolute paths; ``own`` are drivers that are set in the user's own settings only."""

    programs: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


def find_drivers(tree: Path, seen: Scan) -> Drivers:
    """The drivers that attributes in the tree name, as far as they are set here. Raises `GitFailed`."""
    used = {name.decode(errors="surrogateescape") for text in _attributes(tree, seen) for name in _FILTER.findall(text)}
    if not used:
        return Drivers()
    programs: dict[str, None] = {}
    own: dict[str, None] = {}
    for root in [*([""] if seen.git is not None else []), *seen.inner]:
        settled = {name for _, name, _ in read_settings(tree / root)}
        for setting, command in _commands(tree / root):
            driver = setting.split(".", 1)[1].rpartition(".")[0]
            if driver in used:
                programs |= dict.fromkeys(_program(command))
                own |= {} if setting in settled else {driver: None}
    return Drivers(tuple(programs), tuple(own))


def _attributes(tree: Path, seen: Scan) -> Iterator[bytes]:
    """The content of all attributes files, those of the repositories themselves included."""
    for path, record in seen.travels:
        named = path.endswith("/info/attributes") if in_git(path) else path.rpartition("/")[2] == ".gitattributes"
        if named and stat.S_ISREG(record.st_mode):
            try:
                with Path(f"{tree}/{path}").open("rb") as file:
                    lines = file.read(_LONGEST).split(b"\n")
            except OSError:
                # What vanishes or cannot be read is the scan's matter.
                continue
            yield b"\n".join(line for line in lines if not line.lstrip().startswith(b"#"))


def _commands(root: Path) -> Iterator[tuple[str, str]]:
    out = git("config", "-z", "--includes", "--get-regexp", _COMMANDS, tree=root, accept=(0, 1)).out
    for record in out.decode(errors="surrogateescape").split("\0"):
        if record:
            setting, _, command = record.partition("\n")
            yield setting, command


def _program(command: str) -> Iterable[str]:
    """The program of a command line for a shell; nothing where the line is more than a call of one."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ()
    name = f"git-{words[1]}" if words[:1] == ["git"] and len(words) > 1 else "".join(words[:1])
    return (name,) if _PROGRAM.fullmatch(name) else ()
