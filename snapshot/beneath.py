"""Reading what is in a tree without ever being led out of it, whatever happens to its folders meanwhile.

Every path is opened one directory at a time with ``O_NOFOLLOW`` from the tree's own descriptor: a folder that becomes
a link, at any moment, is an error and no way out.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_HELD = 64
"""So many folders stay open at most; of what lies deeper, only the last one."""


class Spot(NamedTuple):
    """The descriptor of a directory, and a name in it: what the ``dir_fd`` of the functions in `os` is for."""

    where: int
    name: str


class Beneath:
    """The folders of ``tree``, which may itself be reached through links. It is opened when it is first needed."""

    def __init__(self, tree: str | Path) -> None:
        self._tree = tree
        self._root = -1
        self._chain: list[tuple[str, int]] = []
        """The folders down to the one that was asked for last: what comes next mostly lies near it."""
        self._deep = -1

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all."""
        self._shorten(0)
        self._root = _close(self._root)

    def folder(self, path: str) -> int:
        """The descriptor of the directory ``path`` ("" is the tree), good until the next call. Raises `OSError`."""
        if self._root < 0:
            self._root = os.open(self._tree, _DIRECTORY)
        names = path.split("/") if path else []
        self._shorten(_count_common(names, self._chain))
        for name in names[len(self._chain) : _HELD]:
            self._chain.append((name, _open_folder(name, self._last)))
        where = self._last
        for name in names[_HELD:]:
            deeper = _open_folder(name, where)
            self._deep = _close(self._deep)
            where = self._deep = deeper
        return where

    def at(self, path: str) -> Spot:
        """The directory that holds ``path``, good until the next call, and its name there. Raises `OSError`."""
        folder, _, name = path.rpartition("/")
        return Spot(self.folder(folder), name)

    def stat(self, path: str) -> os.stat_result:
        """The record of ``path`` itself. Raises `OSError`."""
        where, name = self.at(path)
        return os.stat(name, dir_fd=where, follow_symlinks=False)

    @property
    def _last(self) -> int:
        return self._chain[-1][1] if self._chain else self._root

    def _shorten(self, length: int) -> None:
        self._deep = _close(self._deep)
        while len(self._chain) > length:
            _close(self._chain.pop()[1])


def _open_folder(name: str, where: int) -> int:
    return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=where)


def _count_common(names: list[str], chain: list[tuple[str, int]]) -> int:
    common = 0
    for name, (held, _) in zip(names, chain, strict=False):
        if name != held:
            break
        common += 1
    return common


def _close(handle: int) -> int:
    """Close it if it is open; -1, which stands for one that is not."""
    if handle >= 0:
        os.close(handle)
    return -1
