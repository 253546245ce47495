"""What lies in the repositories' own files (`in_git`) of a tree: settings, locks, links. No repository is opened."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from snapshot.credentials import credential_names, included_files
from snapshot.errors import GitFailed
from snapshot.manifest import in_git
from snapshot.refusal import Refusal
from snapshot.walk import Found, show_path

_SETTINGS = ("config", "config.worktree")
_NO_LOCKS = ("hooks", "lfs", "annex")
"""Folders of a repository whose files may end in ``.lock`` without being git's locks."""


class Settings(NamedTuple):
    """Settings files that hold credentials: those that travel as a copy, with the names of what stays, and refusals."""

    withheld: dict[str, tuple[str, ...]]
    refusals: list[Refusal]


def find_settings(tree: Path, travels: Mapping[str, os.stat_result], *, root: Path | None = None) -> Settings:
    """Look for credentials in the settings files of all repositories in ``tree``, and in what those include.

    ``root`` is where ``tree/.git`` is, links resolved, if that is all of the tree and not in it.
    """
    top, above = (tree.resolve(), "") if root is None else (root, ".git")
    todo = [tree / path for path in travels if ".git" in path and is_settings(path, travels)]
    seen: set[str] = set()
    found = Settings({}, [])
    while todo:
        file = todo.pop()
        place = file.resolve()
        if not place.is_relative_to(top):
            continue
        path = (PurePosixPath(above) / place.relative_to(top)).as_posix()
        record = travels.get(path)
        if path in seen or record is None or not stat.S_ISREG(record.st_mode):
            continue
        seen.add(path)
        try:
            data = place.read_bytes()
            names = credential_names(data)
            todo += included_files(data, file.parent)
        except (GitFailed, OSError) as error:
            found.refusals.append(
                _refuse("git-broken", path, f"The settings {show_path(path)!r} cannot be read: {error}.")
            )
            continue
        if names and in_git(path):
            found.withheld[path] = names
        elif names:
            found.refusals.append(_refuse_credentials(path, names))
    return found


def is_settings(path: str, names: Mapping[str, object]) -> bool:
    """Whether ``path`` is the settings file of a repository, checked out or not; ``names`` are all that travels."""
    folder, _, name = path.rpartition("/")
    return name in _SETTINGS and in_git(path) and f"{folder}/HEAD" in names


def find_locks(tree: Path, found: Iterable[Found]) -> list[Refusal]:
    """A refusal for each file which shows that another git command is at work."""
    locks: list[str] = []
    for path, _ in found:
        name = path.rpartition("/")[2]
        if not in_git(path) or not (name.endswith(".lock") or name == "gc.pid"):
            continue
        if name == "gc.pid":
            locks += [path] if _gc_runs(tree / path) else []
        elif not _is_no_lock(path):
            locks.append(path)
    return [
        _refuse(
            "git-locked",
            path,
            f"Another git command is at work here: there is {show_path(path)!r}.",
            "Wait until it is done. If none runs, a command was broken off: delete that file.",
        )
        for path in locks
    ]


def _is_no_lock(path: str) -> bool:
    own = path.rpartition(".git/")[2].split("/")
    # A submodule's repository is `modules/NAME`, and the name may hold slashes. A branch may be called `hooks/x`.
    return own[0] in _NO_LOCKS or (
        own[0] == "modules" and not {"refs", "logs"} & set(own) and bool({*_NO_LOCKS} & set(own))
    )


def find_links(tree: Path, found: Iterable[Found], *, root: Path | None = None) -> Iterator[Refusal]:
    """A refusal for each link in a repository's own files that leads out of the tree, or of ``root``; hooks apart."""
    root = root or tree.resolve()
    for path, record in found:
        if stat.S_ISLNK(record.st_mode) and in_git(path) and not is_hook(path) and leads_out(tree, path, root):
            sentence = f"Here {show_path(path)!r} is a symbolic link out of the folder; its target would not travel."
            yield _refuse("git-outside", path, sentence)


def is_hook(path: str) -> bool:
    """Whether ``path`` is a hook; one that leads nowhere is not run, and nothing else depends on it."""
    return in_git(path) and "/hooks/" in path


def leads_out(tree: Path, path: str, root: Path) -> bool:
    """Whether the link ``path`` leads out of ``tree``, which is ``root`` when it is resolved."""
    try:
        return not (tree / path).resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        # A circle of links leads nowhere, here and there.
        return False


def _gc_runs(file: Path) -> bool:
    try:
        os.kill(int(file.read_text(errors="replace").split()[0]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, IndexError, OverflowError):
        return False
    return True


def _refuse_credentials(path: str, names: tuple[str, ...]) -> Refusal:
    return _refuse(
        "git-credentials",
        path,
        f"The repository's settings include {show_path(path)!r}, where {', '.join(names[:3])} holds a credential.",
        "Move it to your own settings (git config --global) or remove it, then try again.",
    )


def _refuse(code: str, path: str, sentence: str, way_out: str = "Such trees cannot be handed off yet.") -> Refusal:
    return Refusal(code=code, path=show_path(path), sentence=sentence, way_out=way_out)
