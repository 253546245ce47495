"""Digests of files, and the cache that makes a second capture hash only what changed."""

import contextlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG
from typing import cast

from blake3 import blake3

from snapshot.durable import write_durably
from snapshot.garbage import uncollected

# A file written again within the clock tick of its last change keeps its times. Those that changed less than
# this before they were read are never answered from the cache. Some file systems count whole seconds.
RACY_NS = 2_000_000_000
_FIELDS = 5
"""Of a row in the cache: digest, size, both times, inode."""


# Without O_NONBLOCK a pipe that took the file's place would block for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def file_digest(path: str | Path, expected_size: int, where: int | None = None) -> str:
    """blake3 in hex of a file's content; ``expected_size`` in bytes only makes it quick. Raises `OSError`.

    ``where`` is the open directory that ``path`` is in.
    """
    handle = os.open(path, _READ, dir_fd=where)
    try:
        return handle_digest(handle, expected_size)
    finally:
        os.close(handle)


def read_file(path: str | Path, where: int | None = None) -> bytes:
    """A file's content, of the open directory ``where``; a link is not followed. Raises `OSError`."""
    with os.fdopen(os.open(path, _READ, dir_fd=where), "rb") as file:
        return file.read()


def handle_digest(handle: int, expected_size: int) -> str:
    """blake3 in hex of what is left to read from an open file."""
    state = blake3()
    # One read of the right size: a large fixed buffer costs three times as much on small files.
    while block := os.read(handle, min(expected_size + 1, 1 << 22)):
        state.update(block)
    return state.hexdigest()


def text_digest(target: str) -> str:
    """blake3 in hex of a link's target."""
    return blake3(os.fsencode(target)).hexdigest()


class DigestCache:
    """Digests of one tree's files, kept in a file and trusted while size, times and inode are the same.

    A damaged or missing cache file is an empty cache: it only costs time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[int | str]] = {}
        self._used: dict[str, list[int | str]] = {}
        try:
            with uncollected():
                rows = json.loads(file.read_bytes())
        except (OSError, ValueError):
            return
        if isinstance(rows, dict) and {*map(type, cast("dict[str, object]", rows).values())} <= {list}:
            self._known = cast("dict[str, list[int | str]]", rows)

    def beside(self, name: str) -> "DigestCache":
        """The cache of another folder, ``name``, kept beside this one."""
        return DigestCache(self._file.with_name(f"{self._file.stem}-{name}{self._file.suffix}"))

    def find(self, path: str, record: os.stat_result) -> str | None:
        """The digest of one regular file, as `find_all` answers."""
        return self.find_all([(path, record)])[0]

    def find_all(self, found: Iterable[tuple[str, os.stat_result]]) -> list[str | None]:
        """The digest of each regular file of which nothing changed since it was kept; None of all else."""
        digests: list[str | None] = []
        known, used = self._known, self._used
        for path, record in found:
            held = known.get(path)
            # As it is written, field by field: there are very many.
            if (
                held is not None
                and len(held) == _FIELDS
                and held[3] == record.st_ctime_ns
                and held[2] == record.st_mtime_ns
                and held[1] == record.st_size
                and held[4] == record.st_ino
                and S_ISREG(record.st_mode)
            ):
                used[path] = held
                digests.append(cast("str", held[0]))
            else:
                digests.append(None)
        return digests

    def keep(self, path: str, record: os.stat_result, digest: str) -> None:
        """Remember a digest that was just computed, unless the file is so fresh that its times prove nothing."""
        if max(record.st_mtime_ns, record.st_ctime_ns) + RACY_NS < time.time_ns():
            self._used[path] = [digest, record.st_size, record.st_mtime_ns, record.st_ctime_ns, record.st_ino]

    def save(self) -> None:
        """Write what was used since the cache was made; the rest is forgotten. A full disk keeps the old one."""
        if self._used != self._known:
            # Not written it only costs time, like a damaged one.
            with contextlib.suppress(OSError):
                write_durably(self._file, json.dumps(self._used, separators=(",", ":")).encode())
