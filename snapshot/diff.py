"""What changed in a tree since its base, file by file, with text for the screen.

Renames are shown as a deletion and an addition: what a pull does, and cheap on large trees.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from snapshot.base import prepare_store, write_tree
from snapshot.errors import BaseLost, GitFailed
from snapshot.manifest import Frozen
from snapshot.not_kept import Raw, find_not_kept
from snapshot.selection import EVERYTHING, Selection
from snapshot.store import LARGE, run_in_store

NOT_KEPT = "not kept: too much was in no repository"
FILE_LIMIT = 256 * 1024
TOTAL_LIMIT = 4 * 1024 * 1024
_CHUNK = 200
_CHANGES: dict[str, Literal["added", "modified", "deleted"]] = {"A": "added", "D": "deleted"}
_OPTIONS = ("-r", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index")


class FileDiff(Frozen):
    """One changed path. ``added`` and ``removed`` count lines, None when binary. Modes are git's, e.g. 0o100755.

    ``text`` is a unified diff without its ``diff --git`` line; ``note`` says honestly why it is short or missing.
    """

    path: str
    change: Literal["added", "modified", "deleted"]
    added: int | None = None
    removed: int | None = None
    binary: bool = False
    mode_before: int = 0
    mode_after: int = 0
    text: str = ""
    note: str = ""


class Diff(Frozen):
    """All that changed between the tree ``base`` and the tree ``now`` (ids), sorted by path; line counts in all."""

    base: str
    now: str
    files: tuple[FileDiff, ...] = ()
    added: int = 0
    removed: int = 0


def diff(tree: Path, store: Path, base_id: str, selection: Selection = EVERYTHING) -> Diff:
    """How ``tree`` differs from the base recorded in ``store``. Raises `BaseLost`, `GitFailed`."""
    prepare_store(tree, store)
    try:
        run_in_store(tree, store, "cat-file", "-e", f"{base_id}^{{tree}}")
    except GitFailed as error:
        raise BaseLost(
            "The state that changes are compared with is gone.", "Pull the run to see its changes."
        ) from error
    now = write_tree(tree, store, selection)
    raws = list(_read_raw(run_in_store(tree, store, "diff-tree", *_OPTIONS, "--raw", "-z", base_id, now)))
    counts = _read_counts(run_in_store(tree, store, "diff-tree", *_OPTIONS, "--numstat", "-z", base_id, now))
    sizes = _read_sizes(tree, store, raws)
    not_kept = find_not_kept(tree, store, raws, sizes)
    raws = [raw for raw in raws if raw not in not_kept.unchanged]
    counts |= dict.fromkeys((raw.path for raw in raws if not_kept.concerns(raw)), None)
    sizes |= not_kept.sizes
    files: list[FileDiff] = []
    room = TOTAL_LIMIT
    by_lines = {raw.path for raw in raws if counts.get(raw.path) is not None}
    for chunk in _chunks(raws, by_lines, sizes):
        patches = _read_patches(tree, store, chunk, base_id, now) if room > 0 else {}
        for raw in chunk:
            file = _describe(raw, counts.get(raw.path), patches.get(raw.path), sizes, room)
            if not_kept.concerns(raw):
                file = file.model_copy(
                    update={"binary": False, "note": file.note if _is_large(raw, sizes) else NOT_KEPT}
                )
            room -= len(file.text)
            files.append(file)
    added, removed = sum(file.added or 0 for file in files), sum(file.removed or 0 for file in files)
    return Diff(base=base_id, now=now, files=tuple(files), added=added, removed=removed)


def _chunks(raws: Sequence[Raw], by_lines: Collection[bytes], sizes: Mapping[str, int]) -> Iterator[list[Raw]]:
    """``raws`` in pieces whose patches can be held in memory; the patch of a file without lines is short."""
    chunk: list[Raw] = []
    weight = 0
    for raw in raws:
        own = sizes.get(raw.blob_before, 0) + sizes.get(raw.blob_after, 0) if raw.path in by_lines else 0
        if chunk and (len(chunk) == _CHUNK or weight + own > TOTAL_LIMIT):
            yield chunk
            chunk, weight = [], 0
        chunk.append(raw)
        weight += own
    if chunk:
        yield chunk


def _describe(
    raw: Raw, counts: tuple[int, int] | None, patch: bytes | None, sizes: dict[str, int], room: int
) -> FileDiff:
    large = counts is None and _is_large(raw, sizes)
    text, note = "", ""
    if large:
        note = "too large to compare"
    elif counts is None:
        note = "binary"
    elif patch is None:
        note = "not shown: the whole diff is too long"
    else:
        text, note = _cut(patch, min(room, FILE_LIMIT))
    return FileDiff(
        path=raw.path.decode(errors="backslashreplace"),
        change=_CHANGES.get(raw.status, "modified"),
        added=counts[0] if counts else None,
        removed=counts[1] if counts else None,
        binary=counts is None and not large,
        mode_before=raw.mode_before,
        mode_after=raw.mode_after,
        text=text,
        note=note,
    )


def _is_large(raw: Raw, sizes: Mapping[str, int]) -> bool:
    return max(sizes.get(raw.blob_before, 0), sizes.get(raw.blob_after, 0)) >= LARGE


def _cut(patch: bytes, limit: int) -> tuple[str, str]:
    if len(patch) <= limit:
        return patch.decode(errors="replace"), ""
    shown = patch[: patch.rfind(b"\n", 0, max(limit, 0)) + 1]
    hidden = patch.count(b"\n") - shown.count(b"\n")
    return shown.decode(errors="replace"), f"{hidden} more lines are not shown"


def _read_raw(out: bytes) -> Iterator[Raw]:
    fields = out.split(b"\0")
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        before, after, blob_before, blob_after, status = head.decode().lstrip(":").split(" ")
        yield Raw(path, int(before, 8), int(after, 8), blob_before, blob_after, status[0])


def _read_counts(out: bytes) -> dict[bytes, tuple[int, int] | None]:
    counts: dict[bytes, tuple[int, int] | None] = {}
    for record in out.split(b"\0"):
        if record:
            added, removed, path = record.split(b"\t", 2)
            counts[path] = None if added == b"-" else (int(added), int(removed))
    return counts


def _read_sizes(tree: Path, store: Path, raws: list[Raw]) -> dict[str, int]:
    blobs = {blob for raw in raws for blob in (raw.blob_before, raw.blob_after) if blob.strip("0")}
    if not blobs:
        return {}
    asked = "".join(f"{blob}\n" for blob in sorted(blobs)).encode()
    out = run_in_store(tree, store, "cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).decode()
    return {blob: int(size) for blob, _, size in (line.partition(" ") for line in out.splitlines()) if size.isdigit()}


def _read_patches(tree: Path, store: Path, chunk: list[Raw], base_id: str, now: str) -> dict[bytes, bytes]:
    """The patch of each path of ``chunk``: git's answer is cut where files begin and matched by order.

    Names are not read from the patch, where they are quoted; a pathspec may also match paths below it.
    """
    among = ("--", *(f":(literal,top){os.fsdecode(raw.path)}" for raw in chunk))
    order = _read_raw(run_in_store(tree, store, "diff-tree", *_OPTIONS, "--raw", "-z", base_id, now, *among))
    out = run_in_store(tree, store, "diff-tree", *_OPTIONS, "--patch", base_id, now, *among)
    # Within a patch only a file's first line can begin like this.
    sections = iter((b"\n" + out).split(b"\ndiff --git ")[1:])
    patches: dict[bytes, bytes] = {}
    for raw in order:
        # A path that changed its type is deleted and created: two sections.
        parts = [next(sections, b"") for _ in range(2 if raw.status == "T" else 1)]
        patches[raw.path] = b"".join(_body(part) for part in parts)
    return patches


def _body(section: bytes) -> bytes:
    lines = section.split(b"\n")[1:]
    text = b"\n".join(line for line in lines if not line.startswith(b"index "))
    return text if not text or text.endswith(b"\n") else text + b"\n"
