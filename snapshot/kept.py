"""Whether what is kept of a session's moves is what was kept: every byte is read and hashed again."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.errors import GitFailed, UndoDamaged
from snapshot.git import OWN_CONFIG, git
from snapshot.home import has_begun, read_state
from snapshot.left import Left
from snapshot.manifest import Entry, Manifest
from snapshot.place import kept_name, look, open_root
from snapshot.walk import show_path

_BATCH_BYTES = 64 << 20


class Damage(NamedTuple):
    """A file of ours that is not what it must be, and why."""

    file: Path
    sentence: str


def check_keep(keep: Path) -> Iterator[Damage]:
    """What is wrong with the originals that a pull keeps in ``keep``, for its undo."""
    if not has_begun(keep):
        return
    try:
        state = read_state(keep)
    except UndoDamaged as error:
        yield Damage(keep / "undo.json", str(error))
        return
    if not state.done or state.undone:
        return
    for number, placement in enumerate(state.plan.placements):
        if placement.before is None or placement.before.type == "dir":
            continue
        if not _is_kept(keep, kept_name(number), placement.before):
            sentence = f"What was kept of {show_path(placement.path)} is missing or changed."
            yield Damage(keep / kept_name(number), sentence)


def _is_kept(keep: Path, name: str, before: Entry) -> bool:
    try:
        with open_root(keep / "files") as files:
            kept = look(files, name.rpartition("/")[2], before.path)
    except FileNotFoundError:
        return False
    return kept is not None and (kept.type, kept.digest) == (before.type, before.digest)


def check_left(store: Path, left: Left, manifest: Manifest) -> Iterator[Damage]:
    """What of the tree that left is not to be had any more from ``store``, the base that a pull merges from."""
    files = {entry.path: entry for entry in manifest.tree_entries() if entry.type != "dir"}
    try:
        blobs = _list_blobs(store, left)
        missing = sorted(files.keys() - blobs.keys())
        wrong = [path for batch in _batches(files) for path in _find_wrong(store, blobs, batch)]
    except GitFailed as error:
        yield Damage(store, f"What left cannot be read: {error}")
        return
    for path in sorted({*missing, *wrong}):
        yield Damage(store, f"The text of {show_path(path)} as it left is missing or changed.")


def _list_blobs(store: Path, left: Left) -> dict[str, str]:
    listed = git("ls-tree", "-r", "-z", left.exact, git_dir=store, environment=OWN_CONFIG).out
    rows = (record.partition("\t") for record in os.fsdecode(listed).split("\0") if record)
    return {path: head.split(" ")[2] for head, _, path in rows}


def _batches(files: dict[str, Entry]) -> Iterator[Sequence[Entry]]:
    batch, size = list[Entry](), 0
    for entry in files.values():
        batch.append(entry)
        size += entry.size
        if size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _find_wrong(store: Path, blobs: dict[str, str], entries: Sequence[Entry]) -> Iterator[str]:
    asked = [entry for entry in entries if entry.path in blobs]
    names = "".join(f"{blobs[entry.path]}\n" for entry in asked).encode()
    out = git("cat-file", "--batch", git_dir=store, environment=OWN_CONFIG, stdin=names, accept=(0, 128)).out
    at = 0
    for entry in asked:
        end = out.find(b"\n", at)
        words = out[at:end].split(b" ") if end >= 0 else []
        if len(words) != 3:
            # Missing, or git has ended at a broken one before.
            at = end + 1 if end >= 0 else len(out)
            yield entry.path
            continue
        start, size = end + 1, int(words[2])
        if blake3(out[start : start + size]).hexdigest() != entry.digest:
            yield entry.path
        at = start + size + 1
