"""Stand-ins among the changes between two trees of a store: of which nothing more is known than size and time."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from snapshot.stand_in import LONGEST, StandIn, read_stand_in, stand_for
from snapshot.store import LARGE, run_in_store


class Raw(NamedTuple):
    """One changed path, as git tells it: modes as git has them, ids of blobs, all zeros where there is none."""

    path: bytes
    mode_before: int
    mode_after: int
    blob_before: str
    blob_after: str
    status: str


class NotKept(NamedTuple):
    """``sizes`` of the files that stand-ins are for, by the stand-in's id. ``unchanged`` differ by being kept only."""

    sizes: dict[str, int]
    unchanged: frozenset[Raw]

    def concerns(self, raw: Raw) -> bool:
        """Whether a side of the change is a stand-in."""
        return raw.blob_before in self.sizes or raw.blob_after in self.sizes


def find_not_kept(tree: Path, store: Path, raws: Sequence[Raw], sizes: Mapping[str, int]) -> NotKept:
    """The stand-ins among ``raws``, the second tree being ``tree`` as it is now; ``sizes`` are those of the blobs.

    Raises `GitFailed`.
    """
    held = _read_stand_ins(tree, store, [blob for blob, size in sizes.items() if size <= LONGEST])
    unchanged: set[Raw] = set()
    hashed: list[Raw] = []
    for raw in raws:
        before, after = held.get(raw.blob_before), held.get(raw.blob_after)
        if raw.mode_before != raw.mode_after or (before is None) == (after is None):
            continue
        # It was kept one time and not the other, as there was more or less to keep beside it.
        if before is not None and stand_for(tree, os.fsdecode(raw.path)) == before:
            unchanged.add(raw)
        elif after is not None and (after.size <= LARGE or after.size == sizes.get(raw.blob_before)):
            hashed.append(raw)
    now = _hash(tree, store, [raw.path for raw in hashed])
    unchanged |= {raw for raw, blob in zip(hashed, now, strict=True) if blob == raw.blob_before}
    return NotKept({blob: stand_in.size for blob, stand_in in held.items()}, frozenset(unchanged))


def _read_stand_ins(tree: Path, store: Path, blobs: Iterable[str]) -> dict[str, StandIn]:
    asked = sorted(blobs)
    if not asked:
        return {}
    rest = run_in_store(tree, store, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in asked).encode())
    held: dict[str, StandIn] = {}
    # Each is a line "ID blob SIZE", its bytes, and a line's end.
    for blob in asked:
        head, _, rest = rest.partition(b"\n")
        size = int(head.split(b" ")[2])
        if (found := read_stand_in(rest[:size])) is not None:
            held[blob] = found
        rest = rest[size + 1 :]
    return held


def _hash(tree: Path, store: Path, paths: Sequence[bytes]) -> list[str]:
    """The ids of the blobs that git would make of files as they are now."""
    if not paths:
        return []
    # In quotes every name is one line.
    quoted = "".join('"' + "".join(f"\\{byte:03o}" for byte in path) + '"\n' for path in paths)
    return run_in_store(tree, store, "hash-object", "--stdin-paths", stdin=quoted.encode()).decode().splitlines()
