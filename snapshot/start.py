"""What a session began with, for the host of its run: packed here, so that diffs there can count from the start.

Only what the store of diffs holds of itself is packed: everything else is in the repository, which travels. It holds
versions of files that are in the tree no more; so what stays by choice is taken out, what looks like a secret is
never packed, and neither is much. What the other side has kept of an earlier move is not packed again.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from snapshot.base import prepare_store
from snapshot.errors import GitFailed, StartStays
from snapshot.git import OWN_CONFIG, git
from snapshot.selection import Selection, is_under
from snapshot.store import run_in_store
from snapshot.walk import show_path

LARGEST = 4_000_000
"""Bytes of all that is packed: whoever begins with more that is in no repository has diffs since the handoff only."""
PACK = "start.pack"
"""Where `take_start` finds what came, in the store."""
_INDEX = "castoff-start-index"
_HELD = "castoff-start"
"""In the store of the side that takes: the id of the tree of which it holds all that was ever packed."""


class Start(NamedTuple):
    """The id of a tree, and a pack of those of its objects that are in no repository; ``None`` where it is held."""

    tree_id: str
    pack: bytes | None


class _Item(NamedTuple):
    path: str
    kind: str
    id: str


def pack_start(
    tree: Path, store: Path, tree_id: str, selection: Selection, without: Collection[str], held: str = ""
) -> Start:
    """What ``tree_id`` in ``store`` says ``tree`` was when the session began, but for what ``selection`` leaves and the
    paths ``without``. The other side holds the tree ``held`` (`held_start`).

    Raises `StartStays` if it is too much or holds what looks like a secret, `GitFailed`.
    """
    trimmed = _trim(tree, store, tree_id, selection, frozenset(without))
    if trimmed == held:
        return Start(trimmed, None)
    items = [_Item("", "tree", trimmed), *_list(tree, store, trimmed)]
    sizes = _own_sizes(store, items)
    packed = [item for item in items if item.id in sizes]
    if (size := sum(sizes[item.id] for item in packed)) > LARGEST:
        much = f"{size / 1e6:.1f} MB of it are in no repository, and {LARGEST / 1e6:.1f} MB at most are sent"
        raise StartStays(f"What the session began with was too much to send along: {much}.")
    if secret := _find_secret(store, packed):
        raise StartStays(f"What the session began with was not sent along: in it, {secret!r} looks like a secret.")
    asked = b"".join(item.id.encode() + b"\n" for item in packed)
    return Start(trimmed, git("pack-objects", "--stdout", "-q", git_dir=store, stdin=asked, environment=OWN_CONFIG).out)


def take_start(tree: Path, store: Path, tree_id: str) -> bool:
    """Take what `PACK` in ``store`` holds into it, if it came; whether ``tree_id`` is whole then.

    Raises `GitFailed`, `OSError`.
    """
    prepare_store(tree, store)
    pack, held = store / PACK, store / _HELD
    held.unlink(missing_ok=True)
    if pack.exists():
        git("unpack-objects", "-q", git_dir=store, stdin=pack.read_bytes(), environment=OWN_CONFIG)
        pack.unlink()
    try:
        run_in_store(tree, store, "rev-list", "--objects", "--quiet", tree_id)
    except GitFailed:
        return False
    held.write_text(tree_id)
    return True


def held_start(store: Path) -> str:
    """The id of the tree that `take_start` found whole in ``store``, "" if it is none."""
    held = store / _HELD
    return held.read_text() if held.exists() else ""


def _trim(tree: Path, store: Path, tree_id: str, selection: Selection, without: frozenset[str]) -> str:
    """``tree_id`` without what stays; the same id if nothing does."""
    items = _list(tree, store, tree_id)
    staying = without | {item.path for item in items if _stays(item, selection)}
    gone = [item.path for item in items if item.kind != "tree" and is_under(item.path, staying)]
    if not gone:
        return tree_id
    index = store / _INDEX
    try:
        run_in_store(tree, store, "read-tree", tree_id, index=index)
        listed = b"".join(os.fsencode(path) + b"\0" for path in gone)
        run_in_store(tree, store, "update-index", "--force-remove", "-z", "--stdin", index=index, stdin=listed)
        return run_in_store(tree, store, "write-tree", "--missing-ok", index=index).decode().strip()
    finally:
        index.unlink(missing_ok=True)


def _stays(item: _Item, selection: Selection) -> bool:
    return not selection.leaves_nothing and selection.excludes(item.path, folder=item.kind == "tree")


def _list(tree: Path, store: Path, tree_id: str) -> list[_Item]:
    items: list[_Item] = []
    for record in os.fsdecode(run_in_store(tree, store, "ls-tree", "-r", "-t", "-z", tree_id)).split("\0"):
        head, _, path = record.partition("\t")
        if path:
            _, kind, object_id = head.split(" ")
            items.append(_Item(path, kind, object_id))
    return items


def _own_sizes(store: Path, items: Collection[_Item]) -> dict[str, int]:
    """The sizes of the objects that the store holds itself, by id."""
    asked = b"".join(item.id.encode() + b"\n" for item in items)
    found = git(
        "cat-file", "--batch-check=%(objectname) %(objectsize)", git_dir=store, stdin=asked, environment=OWN_CONFIG
    ).out
    lines = [line.split(" ") for line in found.decode().splitlines()]
    return {object_id: int(size) for object_id, size in lines if size.isdigit()}


def _find_secret(store: Path, items: Collection[_Item]) -> str:
    """The path of the first that looks like a secret, to be shown; "" if none does."""
    # The side that only takes what came has no use for the rules, and starts more often.
    from snapshot.secrets import scan_bytes

    paths = {item.id: item.path for item in items if item.kind == "blob"}
    asked = b"".join(object_id.encode() + b"\n" for object_id in paths)
    rest = git("cat-file", "--batch", git_dir=store, stdin=asked, environment=OWN_CONFIG).out
    # Each is a line "ID blob SIZE", its bytes, and a line's end.
    for path in paths.values():
        head, _, rest = rest.partition(b"\n")
        size = int(head.split(b" ")[2])
        if scan_bytes(rest[:size], path):
            return show_path(path)
        rest = rest[size + 1 :]
    return ""
