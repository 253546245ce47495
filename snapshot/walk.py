"""Walking a tree: every name in it, with its `os.lstat` record, symbolic links not followed."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from snapshot.errors import TreeChanged


class Found(NamedTuple):
    """One name in the tree; ``path`` is relative, separated by ``/``, undecodable bytes as surrogates."""

    path: str
    stat: os.stat_result


class Walked(NamedTuple):
    """All that was found, sorted by path, and the directories that could not be listed."""

    found: list[Found]
    unlisted: list[str]


def walk(tree: Path, skip: Collection[str] = frozenset()) -> Walked:
    """List everything in ``tree`` but ``skip`` (paths; a directory with all that is in it).

    Raises `TreeChanged` when a directory vanishes meanwhile.
    """
    root = os.fspath(tree)
    found: list[Found] = []
    unlisted: list[str] = []
    todo = [""]
    while todo:
        inside = todo.pop()
        try:
            with os.scandir(f"{root}/{inside}") as listing:
                for item in listing:
                    path = inside + item.name
                    if path in skip:
                        continue
                    found.append(Found(path, item.stat(follow_symlinks=False)))
                    if item.is_dir(follow_symlinks=False):
                        todo.append(path + "/")
        except PermissionError:
            unlisted.append(inside.rstrip("/") or ".")
        except (FileNotFoundError, NotADirectoryError) as error:
            where = inside.rstrip("/") or str(tree)
            raise TreeChanged(f"{where!r} vanished while it was read.", (where,), "Try again.") from error
    found.sort()
    return Walked(found, unlisted)


def show_path(path: str) -> str:
    r"""``path`` as text that can be stored and shown: bytes that are not UTF-8 as ``\xNN``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def read_link(path: str) -> str:
    """The target of a symbolic link, exactly as it is stored."""
    return os.readlink(path)  # noqa: PTH115 - Path.readlink would turn "./a//b" into "a/b"
