"""Which directories outside a tree its repositories need. They travel beside it, as companions.

One that lies in another is part of that one. Work trees that lie in one stay: they are no part of the repository.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from snapshot.manifest import Pointer
from snapshot.refusal import Refusal
from snapshot.repository import Directory
from snapshot.walk import show_path

_LONGEST = 1 << 14
"""Bytes of a ``.git`` file: it holds a path."""


class Need(NamedTuple):
    """What the repository of ``dot_git``, a path of the tree, needs outside it."""

    dot_git: str
    directory: Directory


class Beside(NamedTuple):
    """A companion as it is found: `snapshot.manifest.Companion` says what the fields mean.

    ``dot_git`` is who needs it, ``stays`` are paths in it that do not travel, ``working`` the work trees elsewhere
    that it belongs to as well.
    """

    at: Path
    also: tuple[Path, ...]
    inside: Literal[".git", ".git/objects"]
    dot_git: str
    stays: frozenset[str]
    working: tuple[Path, ...]

    @property
    def shown(self) -> str:
        """Its path for the user."""
        return show_path(str(self.at))

    def holds(self, path: Path) -> bool:
        """Whether ``path`` (resolved) lies in what travels of it."""
        return path.is_relative_to(self.at) and not any(path.is_relative_to(self.at / name) for name in self.stays)


def find_companions(tree: Path, needs: Iterable[Need]) -> tuple[list[Beside], list[Refusal]]:
    """The companions of ``tree``, those above others first, and why some cannot travel. Raises `OSError`."""
    top, home = tree.resolve(), Path.home().resolve()
    outside = [need for need in needs if not need.directory.at.is_relative_to(top)]
    found: list[Beside] = []
    refusals: list[Refusal] = []
    for need in sorted(outside, key=lambda need: (len(need.directory.at.parts), need.directory.objects)):
        at = need.directory.at
        if any(beside.holds(at) for beside in found):
            continue
        if home.is_relative_to(at):
            refusals.append(_refuse(need, f"which holds your whole home directory {str(home)!r}"))
        elif at.is_dir():
            found.append(_look(top, at, need))
        else:
            refusals.append(_refuse(need, "which is not there"))
    found = [_add_names(tree, beside, outside) for beside in found]
    for need in outside:
        if any(beside.holds(need.directory.at) for beside in found) and not _is_reached(tree, found, need.directory):
            refusals.append(_refuse(need, "which is reached by links that cannot be shown on a host"))
    return found, refusals


def find_pointers(tree: Path, needs: Iterable[Need]) -> tuple[Pointer, ...]:
    """The ``.git`` files of worktrees that lie elsewhere. Raises `OSError`."""
    top = tree.resolve()
    repositories = dict.fromkeys(need.directory.at for need in needs if not need.directory.objects)
    files = [path / ".git" for at in repositories for path in _work_trees(at) if not path.is_relative_to(top)]
    texts = {file: _read_pointer(file) for file in files}
    return tuple(Pointer(at=str(file), text=text) for file, text in texts.items() if text)


def _read_pointer(file: Path) -> str:
    """What a ``.git`` file says; "" if it is none."""
    text = file.read_bytes() if file.is_file() and file.stat().st_size < _LONGEST else b""
    return os.fsdecode(text) if text.startswith(b"gitdir: ") and b"\0" not in text else ""


def _look(top: Path, at: Path, need: Need) -> Beside:
    working = [top, *_work_trees(at)]
    inside = ".git/objects" if need.directory.objects else ".git"
    stays = frozenset(path.relative_to(at).as_posix() for path in working if path.is_relative_to(at) and path != at)
    elsewhere = tuple(path for path in dict.fromkeys(working[1:]) if path != top)
    return Beside(at, (), inside, need.dot_git, stays, elsewhere)


def _work_trees(at: Path) -> list[Path]:
    """The linked work trees of the repository at ``at``, there or not."""
    files = sorted(file for file in (at / "worktrees").glob("*/gitdir") if file.is_file())
    said = [os.fsdecode(file.read_bytes().rstrip(b"\r\n")) for file in files]
    return [(file.parent / path).resolve().parent for file, path in zip(files, said, strict=True) if path]


def _add_names(tree: Path, beside: Beside, needs: Sequence[Need]) -> Beside:
    """With the other paths by which it is named; a name in the tree is a link there, and travels with it."""
    names: list[Path] = []
    for need in needs:
        at, named = need.directory.at, need.directory.named
        if not beside.holds(at) or named == at or _is_below(named, tree) or named.resolve() != at:
            continue
        below = at.relative_to(beside.at).parts
        if named.parts[len(named.parts) - len(below) :] == below:
            names.append(Path(*named.parts[: len(named.parts) - len(below)]))
    return beside._replace(also=tuple(name for name in dict.fromkeys(names) if name != beside.at))


def _is_reached(tree: Path, found: Iterable[Beside], directory: Directory) -> bool:
    """Whether the directory will be there under the name that it is given."""
    names = [name for beside in found for name in (beside.at, *beside.also)]
    return _is_below(directory.named, tree) or any(directory.named.is_relative_to(name) for name in names)


def _is_below(named: Path, tree: Path) -> bool:
    return named.is_relative_to(tree.absolute()) or named.is_relative_to(tree.resolve())


def _refuse(need: Need, why: str) -> Refusal:
    needed = show_path(str(need.directory.named))
    sentence = f"The repository {show_path(need.dot_git)!r} needs {needed!r}, {why}."
    way_out = "Open the main working tree, or a clone of its own (git clone)."
    return Refusal(code="git-elsewhere", path=show_path(need.dot_git), sentence=sentence, way_out=way_out)
