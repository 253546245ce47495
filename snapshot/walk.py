"""Walking a tree: every name in it, with its `os.lstat` record. No symbolic link is followed, also none that takes a
folder's place meanwhile."""

import errno
import os
from collections.abc import Callable, Collection, MutableMapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

from snapshot.beneath import Beneath
from snapshot.errors import TreeChanged

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_LONGEST = 3500
"""Bytes of a folder's path; what is in a deeper one has a name that nobody can open whole (`PATH_MAX` is 4096)."""

_SCRATCH = "/lfs/tmp"
"""In a repository's own files: where Git LFS puts and removes what it has in hand, at each look that git takes at a
file of its own. Nothing of it outlives the command (`git lfs env` names it TempDir)."""


class Found(NamedTuple):
    """One name in the tree; ``path`` is relative, separated by ``/``, undecodable bytes as surrogates."""

    path: str
    stat: os.stat_result


_make: Callable[[tuple[str, os.stat_result]], Found] = partial(tuple.__new__, Found)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


class Walked(NamedTuple):
    """All that was found, sorted by path, and the directories that could not be listed, or are too deep for it."""

    found: list[Found]
    unlisted: list[str]


Enter = Callable[[str], Collection[str]]
"""Asked about a folder that holds a ``.git``, "" or a path that ends in ``/``: which paths are skipped from now on?"""


def walk(
    tree: Path,
    skip: Collection[str] = frozenset(),
    enter: Enter | None = None,
    known: MutableMapping[str, os.stat_result] | None = None,
) -> Walked:
    """List everything in ``tree`` but ``skip`` (paths; a directory with all that is in it) and what ``enter`` says.

    What still has the record that it has in ``known`` is not listed, and taken out of ``known``.
    Raises `TreeChanged` naming what vanishes meanwhile.
    """
    found: list[Found] = []
    unlisted: list[str] = []
    staying = set(skip)
    todo = [""]
    # There are very many names: nothing is looked up or called for each of them that can be done without.
    keep = found.append
    with Beneath(tree) as below:
        while todo:
            path = inside = todo.pop()
            try:
                with os.scandir(below.folder(inside[:-1])) as listing:
                    items = list(listing)
                if enter is not None and ".git" in [item.name for item in items]:
                    staying.update(enter(inside))
                for item in items:
                    path = inside + item.name
                    if path in staying:
                        continue
                    record = item.stat(follow_symlinks=False)
                    if S_ISDIR(record.st_mode):
                        if path.endswith(_SCRATCH) and ".git" in path.split("/"):
                            continue
                        if len(os.fsencode(path)) > _LONGEST:
                            unlisted.append(path)
                        else:
                            todo.append(path + "/")
                    if known is not None and (was := known.pop(path, None)) is not None:
                        if (
                            was.st_ctime_ns == record.st_ctime_ns
                            and was.st_mtime_ns == record.st_mtime_ns
                            and was.st_ino == record.st_ino
                            and was.st_size == record.st_size
                            and was.st_mode == record.st_mode
                        ):
                            continue
                        known[path] = was
                    # What `Found` itself does, at half the cost.
                    keep(_make((path, record)))
            except PermissionError:
                unlisted.append(inside.rstrip("/") or ".")
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                raise _vanished(path.rstrip("/") or str(tree)) from error
    # By the path itself: plain texts are compared several times as fast as what holds them.
    found.sort(key=itemgetter(0))
    return Walked(found, unlisted)


def _vanished(where: str) -> TreeChanged:
    return TreeChanged(f"{show_path(where)!r} vanished while it was read.", (where,), "Try again.")


def tell_changed(paths: Sequence[str]) -> TreeChanged:
    """The error for ``paths`` that changed while they were read."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return TreeChanged(f"{show_path(paths[0])!r}{more} changed while the tree was read.", paths, "Try again.")


def skip_git(folder: str) -> Collection[str]:
    """For `walk`: no repository's own files are listed."""
    return (f"{folder}.git",)


def show_path(path: str) -> str:
    r"""``path`` as text that can be stored and shown: bytes that are not UTF-8 as ``\xNN``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def read_link(path: str, where: int | None = None) -> str:
    """The target of a symbolic link, exactly as it is stored; ``where`` is the open directory that ``path`` is in."""
    return os.readlink(path, dir_fd=where)
