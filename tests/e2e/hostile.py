"""Runs that come home hostile, as data: what was done to each on its host, and how its pull-back must end.

Four roads. ``vm`` changes the run's files on the host and pulls; cases of one group share a pull. ``lie`` has a host
whose program says and does what no honest one would (`tests.doubles.lying_host`, which imports this module), ``rsync``
one whose rsync lies. ``part`` only bundles the run's commits there and imports them here.
Nothing but the standard library and castoff's own packages is imported: a host has nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ID = "hostilerun00"
WORK = "work.txt"
"""What the run honestly did; it comes home wherever the rest of the run can."""


@dataclass(frozen=True)
class Vm:
    """The run's files on its host; ``outside`` and ``canaries`` are folders of the laptop that nothing may reach."""

    state: Path
    outside: Path
    canaries: Path

    @property
    def tree(self) -> Path:
        return self.state / "trees" / ID

    @property
    def home(self) -> Path:
        return self.state / "homes" / ID

    @property
    def session(self) -> Path:
        return self.state / "sessions" / ID

    @property
    def parcel(self) -> Path:
        return self.session / "parcel"

    def command(self, name: str) -> str:
        """A shell command that leaves traces: on the laptop only, because a sandbox has no folder of canaries."""
        return f"touch '{self.canaries}/{name}' && touch \"$HOME/canary\" canary; false"

    def plant(self, path: str, text: str | bytes = "planted\n", mode: int = 0o644) -> Path:
        """Write a file of the run."""
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    def script(self, path: str, name: str) -> Path:
        """Write a program of the run that leaves traces."""
        return self.plant(path, f"#!/bin/sh\n{self.command(name)}\n", 0o755)


Act = Callable[[Vm], None]
Lie = Callable[[Vm, str, dict[str, Any]], "dict[str, Any] | bytes | None"]
"""What becomes of the answer to a request of this name: another, raw bytes, or None for the end of the program."""


@dataclass(frozen=True)
class Case:
    """``ends``: ``home``, or the codes with which the run stays where it is. ``arrives`` are paths that must come
    home, ``may`` those that may; nothing else of the tree here may change. ``unsafe`` is the path whose name or link
    is the reason. ``user`` are further commands of the user, in the tree, after the pull. ``names`` are those that
    the host's rsync sends, and what it makes of them."""

    name: str
    act: Act | None = None
    lie: Lie | None = None
    names: Mapping[bytes, bytes] | None = None
    part: bool = False
    group: str = ""
    ends: tuple[str, ...] = ("home",)
    arrives: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    unsafe: str = ""
    user: tuple[tuple[str, ...], ...] = ()

    @property
    def road(self) -> Literal["vm", "lie", "rsync", "part"]:
        if self.part:
            return "part"
        if self.names is not None:
            return "rsync"
        return "lie" if self.lie is not None else "vm"

    @property
    def pull(self) -> str:
        """Cases with the same one are pulled together."""
        return self.group or self.name


def all_cases() -> dict[str, Case]:
    """Every case by name."""
    from tests.e2e import hostile_answers, hostile_git, hostile_objects, hostile_paths, hostile_sessions

    modules = (hostile_git, hostile_paths, hostile_objects, hostile_sessions, hostile_answers)
    cases = [case for module in modules for case in module.CASES]
    found = {case.name: case for case in cases}
    assert len(found) == len(cases), "two cases have one name"
    return found
