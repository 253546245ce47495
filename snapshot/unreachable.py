"""What a repository holds and nothing of it refers to any more: contents that were staged once, or were in a stash or
a commit that was dropped. They travel with it, since what git prints of it must be the same on both sides.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from blake3 import blake3
from pydantic import TypeAdapter, ValidationError

from snapshot.durable import write_durably
from snapshot.git import git
from snapshot.manifest import Frozen
from snapshot.repository import git_path

MOST_PACKED = 1_000_000
"""Objects in packs beyond which only loose ones are looked at: telling which are reachable takes too long."""
_EVERYTHING = ("--all", "--reflog", "--indexed-objects")
_KIND = "--batch-check=%(objecttype) %(objectname)"
_RECORDS_KEPT = 40


class _Record(Frozen):
    """The contents in packs that nothing referred to when the packs were first met, by the names of all packs."""

    packed: Mapping[str, tuple[str, ...]] = {}


_RECORD: TypeAdapter[_Record] = TypeAdapter(_Record)


def find_unreachable(tree: Path, record: Path | None = None, suspects: Collection[str] = ()) -> list[str]:
    """The ids of these contents (blobs), sorted; `git prune`'s rule says which they are. Raises `GitFailed`, `OSError`.

    Packs are searched once: ``record`` is a file that remembers what was found. A missing or damaged one only costs
    time. What became unreachable later is found among the ``suspects`` only.
    """
    objects = git_path(tree, "objects")
    packs = sorted(path.name for path in (objects / "pack").glob("*.pack"))
    name = blake3("\n".join(packs).encode()).hexdigest(16)
    known = _read(record)
    packed = known.packed.get(name)
    if packed is None:
        packed = _find_packed(tree) if packs and _count_packed(tree) <= MOST_PACKED else ()
        _keep(record, known, name, packed)
    dropped = set(_blobs(tree, suspects)) if suspects else set[str]()
    if dropped:
        dropped -= _reachable(tree)
    return sorted({*packed, *_find_loose(tree, objects), *dropped})


def _find_loose(tree: Path, objects: Path) -> list[str]:
    loose = _list_loose(objects)
    if not loose:
        return []
    # What is packed as well may be reachable from packed commits, which are not looked into.
    twice = git("prune-packed", "--dry-run", tree=tree).out.decode(errors="replace").splitlines()
    loose -= {"".join(line.rsplit("/", 2)[1:]) for line in twice}
    return _blobs(tree, loose - _reachable(tree, "--unpacked"))


def _find_packed(tree: Path) -> tuple[str, ...]:
    every = git(
        "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)", tree=tree
    )
    blobs = {line[5:] for line in every.out.decode().splitlines() if line.startswith("blob ")}
    return tuple(sorted(blobs - _reachable(tree)))


def _reachable(tree: Path, *options: str) -> set[str]:
    out = git(
        "rev-list", "--objects", "--no-object-names", "--missing=allow-any", *options, *_EVERYTHING, tree=tree
    ).out
    return set(out.decode().split())


def _list_loose(objects: Path) -> set[str]:
    folders = [f"{number:02x}" for number in range(256)]
    return {folder + name for folder in folders for name in _names(objects / folder) if not name.startswith("tmp_")}


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is needed, of very many
    except FileNotFoundError:
        return []


def _blobs(tree: Path, names: Iterable[str]) -> list[str]:
    asked = "".join(f"{name}\n" for name in names).encode()
    lines = (
        git("cat-file", "--batch-check=%(objecttype) %(objectname)", tree=tree, stdin=asked).out.decode().splitlines()
    )
    return [line[5:] for line in lines if line.startswith("blob ")]


def _count_packed(tree: Path) -> int:
    rows = dict(line.split(b": ") for line in git("count-objects", "-v", tree=tree).out.splitlines() if b": " in line)
    return int(rows[b"in-pack"])


def _read(record: Path | None) -> _Record:
    try:
        return _RECORD.validate_json(record.read_bytes()) if record is not None else _Record()
    except (OSError, ValidationError):
        return _Record()


def _keep(record: Path | None, known: _Record, name: str, packed: tuple[str, ...]) -> None:
    if record is not None:
        kept = dict(list(known.packed.items())[1 - _RECORDS_KEPT :])
        write_durably(record, _RECORD.dump_json(_Record(packed={**kept, name: packed})))
