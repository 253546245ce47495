"""The programs that a session has used: which are here, which are on a host, and how they differ."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from agent.events import Frozen
from remote.probe import find_programs

MOST_ASKED = 200
"""Programs that are looked for, the most used first."""
_VERSIONED = frozenset(
    """bash black bun bundle bundler c++ cabal cargo cc clang clang++ cmake composer cython dart deno dotnet elixir
    ffmpeg flutter g++ gcc gem gh ghc git go gofmt hatch helm java javac jq just ld llc lua make meson mix mvn mypy
    mysql nasm ninja node npm npx ocaml opam openssl pandoc pdm perl php pip pipx pnpm podman poetry protoc psql pyright
    pytest python rake rg ruby ruff rustc rustup sbcl scala sqlite3 stack swift terraform tofu tox tsc tsx uv uvx
    valgrind yarn zig""".split()  # noqa: SIM905 - read more easily as text
)
"""Programs whose version makes a difference, and that do nothing but say it when they are asked."""
_NUMBERED = re.compile(r"(?P<name>[a-z+]+?)-?[\d.]+")
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-.]?(?:rc|alpha|beta|dev)[\w.]*)?")


class Program(Frozen):
    """A program by the name that it was called by. ``path`` is "" where it is not installed, ``version`` is the line
    that it said, "" where it was not asked or said none."""

    name: str
    path: str = ""
    version: str = ""


class Differing(Frozen):
    """A program whose versions differ, as numbers."""

    name: str
    here: str
    there: str


def find_here(names: Iterable[str], path: str | None) -> tuple[Program, ...]:
    """Those of ``names`` that are on this machine's ``path``, with the versions of those that have one that counts.

    What is not here cannot be missed elsewhere: builtins, functions, and mistakes drop out.
    """
    wanted = list(names)[:MOST_ASKED]
    found = find_programs(wanted, {name for name in wanted if is_versioned(name)}, path)
    return tuple(Program.model_validate(program) for program in found if program["path"])


def is_versioned(name: str) -> bool:
    """Whether the program is asked for its version."""
    name = PurePosixPath(name).name
    numbered = _NUMBERED.fullmatch(name)
    return name in _VERSIONED or (numbered is not None and numbered["name"] in _VERSIONED)


def find_missing(here: Iterable[Program], there: Mapping[str, Program]) -> tuple[str, ...]:
    """The programs that are here and not there; what was not asked there is not counted."""
    return tuple(program.name for program in here if program.name in there and not there[program.name].path)


def find_differing(here: Iterable[Program], there: Mapping[str, Program]) -> tuple[Differing, ...]:
    """The programs that are on both sides and say different version numbers."""
    pairs = ((program, there[program.name]) for program in here if program.name in there)
    numbers = (Differing(name=a.name, here=_number(a), there=_number(b)) for a, b in pairs)
    return tuple(each for each in numbers if each.here and each.there and each.here != each.there)


def _number(program: Program) -> str:
    found = _VERSION.search(program.version)
    return found[0] if found else ""


def by_name(programs: Collection[Program]) -> dict[str, Program]:
    """Programs by their names."""
    return {program.name: program for program in programs}
