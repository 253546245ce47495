"""What of a tree comes along and what stays by choice, beyond what git's ignore rules say.

Patterns are gitignore's, matched as git matches them against paths of the tree: nothing outside it can be meant.
"""

import stat
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec
from pydantic import BaseModel, ConfigDict

from snapshot.walk import Found, walk


class Selection(BaseModel):
    """``include`` names ignored files that travel all the same. ``exclude`` names what stays and wins over it.

    ``leave`` are exact paths that stay as well, a folder with all that is in it. Of a repository's own files nothing
    can be chosen.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()

    @cached_property
    def _included(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines(self.include)

    @cached_property
    def _excluded(self) -> GitIgnoreSpec:
        return GitIgnoreSpec.from_lines(self.exclude)

    @cached_property
    def _left(self) -> frozenset[str]:
        return frozenset(self.leave)

    @property
    def leaves_nothing(self) -> bool:
        """Whether nothing can stay by choice."""
        return not self.exclude and not self.leave

    def includes(self, path: str, *, folder: bool) -> bool:
        """Whether an ignored ``path`` travels all the same."""
        return self._included.match_file(path + "/" if folder else path)

    def excludes(self, path: str, *, folder: bool) -> bool:
        """Whether ``path`` stays by choice, seen by itself; what is in a folder that stays is `leave_out`'s to see."""
        return path in self._left or self._excluded.match_file(path + "/" if folder else path)


EVERYTHING = Selection()
"""Nothing chosen: git's ignore rules alone decide."""


class Chosen(NamedTuple):
    """What still stays for git's ignore rules (directories without their content), and what of it travels."""

    ignored: frozenset[str]
    included: list[Found]


class Divided(NamedTuple):
    """What travels, and what stays by choice: paths, a directory with all that is in it."""

    found: list[Found]
    left: frozenset[str]


def check_pattern(pattern: str) -> str:
    """Why ``pattern`` is none, in words that go on after it; empty if it is one."""
    if pattern.startswith("~") or ".." in pattern.strip("!").split("/"):
        return "leads out of the project, and patterns reach only what is in it"
    if "\0" in pattern or "\n" in pattern:
        return "holds a line break or a NUL character"
    try:
        GitIgnoreSpec.from_lines([pattern])
    except ValueError:
        return "is no pattern as .gitignore has them"
    return ""


def choose(tree: Path, ignored: frozenset[str], selection: Selection) -> Chosen:
    """Part what git ignores in ``tree`` into what stays and what is included. Raises `TreeChanged`."""
    if not selection.include:
        return Chosen(ignored, [])
    staying: set[str] = set()
    included: list[Found] = []
    for path in ignored:
        inside = _look_into(tree, path)
        wanted = [item for item in inside if selection.includes(item.path, folder=stat.S_ISDIR(item.stat.st_mode))]
        wanted = leave_out(wanted, selection).found
        keep = {above for item in wanted for above in _with_parents(item.path)}
        # Only the topmost path that stays: the rest is in it.
        staying |= {item.path for item in inside if item.path not in keep and _is_topmost(item.path, path, keep)}
        included += wanted
    return Chosen(frozenset(staying), sorted(included))


def leave_out(found: Iterable[Found], selection: Selection) -> Divided:
    """Part ``found`` (sorted by path) into what travels and what the selection leaves."""
    travels = list(found)
    if selection.leaves_nothing:
        return Divided(travels, frozenset())
    left: set[str] = set()
    kept: list[Found] = []
    for item in travels:
        if _is_git(item.path):
            kept.append(item)
        elif not _is_under(item.path, left):
            if selection.excludes(item.path, folder=stat.S_ISDIR(item.stat.st_mode)):
                left.add(item.path)
            else:
                kept.append(item)
    return Divided(kept, frozenset(left))


def is_under(path: str, folders: frozenset[str]) -> bool:
    """Whether ``path`` is one of ``folders`` or lies in one."""
    return path in folders or _is_under(path, folders)


def _look_into(tree: Path, path: str) -> list[Found]:
    """``path``, and if it is a directory all that is in it; nothing if it is gone."""
    try:
        record = (tree / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return []
    here = Found(path, record)
    if not stat.S_ISDIR(record.st_mode):
        return [here]
    return [here, *(Found(f"{path}/{item.path}", item.stat) for item in walk(tree / path).found)]


def _is_topmost(path: str, root: str, keep: set[str]) -> bool:
    return path == root or path.rpartition("/")[0] in keep


def _with_parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _is_under(path: str, folders: Iterable[str]) -> bool:
    return any(above in folders for above in _with_parents(path)[:-1])


def _is_git(path: str) -> bool:
    return path == ".git" or path.startswith(".git/")
