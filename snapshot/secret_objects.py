"""What a repository itself holds and nobody else has yet: staged contents, stashes, commits that no remote has, and
what only the reflog knows, or nothing at all any more.

The files in the work tree are another matter (`snapshot.secret_tree`): they can be left here or masked. What is an
object of git's travels with the repository.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from snapshot.git import git
from snapshot.secret_tree import BLOB, Difference, ScanCache, read_differences, unwatched_files
from snapshot.secrets import Hit, scan_bytes
from snapshot.unreachable import find_unreachable

_HEAD = 1 << 16
_AT_ONCE = 200
_TOGETHER = 16 << 20
"""So many bytes of objects are read at once, or one that is larger."""


_SETTING = re.compile(rb"\s*(?:export\s+)?[A-Za-z_][\w.-]*\s*[=:]\s*\S")
_SETTINGS = ".env"


class Held(NamedTuple):
    """The content ``blob`` that stands, or stood, at ``path``; ``held`` says where git has it.

    Of what nothing refers to nobody knows the path: it is ``object`` and the beginning of its id.
    """

    path: str
    blob: str
    held: str


def find_held(
    tree: Path,
    differences: Iterable[Difference] | None = None,
    *,
    packs: Path | None = None,
    suspects: Collection[str] = (),
) -> list[Held]:
    """What the repository of ``tree`` holds unpublished and no file of the work tree is, by path. Raises `GitFailed`.

    Published is what a remote-tracking branch reaches; where there is none, what any branch or tag does.
    ``differences`` is what `snapshot.secret_tree.read_differences` said; without it that is asked. ``packs`` is the
    record of `snapshot.unreachable.find_unreachable`, ``suspects`` are contents known to hold secrets: who drops the
    stash or the commit that one is in has not got rid of it yet.
    """
    found = {item.blob: item for item in _find_unpublished(tree)}
    found |= {item.blob: item for item in _find_staged(tree, differences)}
    dropped = find_unreachable(tree, packs, [blob for blob in suspects if blob not in found])
    found |= {blob: Held(f"object {blob[:12]}", blob, "unreachable") for blob in dropped if blob not in found}
    return sorted(found.values())


def find_versions(tree: Path, path: str, data: bytes) -> list[Held]:
    """What git keeps of ``path``, whose file holds ``data``: in the index, in the last commit, or else that very
    content, which it keeps also when it was only staged for a while. Raises `GitFailed`."""
    staged = os.fsdecode(git("ls-files", "--stage", "-z", "--", f":(literal){path}", tree=tree).out).split("\0")
    found = [Held(path, record.split(" ")[1], "staged") for record in staged if record]
    committed = git("rev-parse", "--verify", "--quiet", f"HEAD:{path}", tree=tree, accept=(0, 1, 128)).out
    found += [Held(path, blob, "commit") for blob in committed.decode().split()]
    own = git("hash-object", "--stdin", tree=tree, stdin=data).out.decode().strip()
    if git("cat-file", "-e", own, tree=tree, accept=(0, 1, 128)).status == 0:
        found.append(Held(path, own, "object"))
    return list({item.blob: item for item in reversed(found)}.values())


def find_copies(tree: Path, paths: Iterable[str], items: Iterable[Held]) -> list[tuple[str, Held]]:
    """Which of ``paths``, regular files of the work tree, have the content of one of ``items``. Raises `GitFailed`."""
    held = {item.blob: item for item in items}
    files = [path for path in paths if (tree / path).is_file() and not (tree / path).is_symlink()] if held else []
    found: list[tuple[str, Held]] = []
    for first in range(0, len(files), _AT_ONCE):
        batch = files[first : first + _AT_ONCE]
        blobs = git("hash-object", "--", *batch, tree=tree).out.decode().split()
        found += [(path, held[blob]) for path, blob in zip(batch, blobs, strict=True) if blob in held]
    return found


def scan_held(tree: Path, items: Iterable[Held], *, cache: ScanCache | None = None) -> tuple[Hit, ...]:
    """The credentials in what is held, in that order. Raises `GitFailed`."""
    hits: dict[Held, tuple[Hit, ...]] = {}
    asked: list[Held] = []
    for item in items:
        known = cache.find(_key(item), item.path) if cache is not None else None
        hits[item] = known or ()
        if known is None:
            asked.append(item)
    for item, data in _read(tree, asked):
        found = scan_bytes(data, _name_of(item, data))
        hits[item] = tuple(hit.model_copy(update={"path": item.path}) for hit in found)
        if cache is not None:
            cache.keep(_key(item), hits[item])
    if cache is not None:
        cache.save()
    return tuple(hit.model_copy(update={"held": item.held}) for item, found in hits.items() for hit in found)


def _find_staged(tree: Path, differences: Iterable[Difference] | None) -> Iterator[Held]:
    unwatched = unwatched_files(tree)
    for each in read_differences(tree) if differences is None else differences:
        if each.staged and (each.differs or each.path in unwatched):
            yield Held(each.path, each.staged, "staged")


def _find_unpublished(tree: Path) -> Iterator[Held]:
    """The newest source last: of a content that several have, that one is told."""
    head = git("rev-parse", "--verify", "--quiet", "HEAD", tree=tree, accept=(0, 1)).out.decode().split()
    published = ["--remotes"] if _has_refs(tree, "refs/remotes") else ["--branches", "--tags", *head]
    yield from _list_blobs(tree, ["--reflog"], published, "reflog")
    yield from _list_blobs(tree, ["--exclude=refs/tags/*", "--exclude=refs/stash", "--all"], published, "commit")
    if _has_refs(tree, "refs/stash"):
        stashes = git("rev-list", "--walk-reflogs", "refs/stash", tree=tree).out.decode().split()
        yield from _list_blobs(tree, stashes, published, "stash")


def _name_of(item: Held, data: bytes) -> str:
    """The path by which rules are chosen; what has none and is mostly settings is read as such."""
    if item.held != "unreachable":
        return item.path
    lines = [line for line in data[:_HEAD].split(b"\n") if line.strip() and not line.lstrip().startswith(b"#")]
    return _SETTINGS if sum(bool(_SETTING.match(line)) for line in lines) * 2 > len(lines) else ""


def _has_refs(tree: Path, prefix: str) -> bool:
    return bool(git("for-each-ref", "--count=1", "--format=x", prefix, tree=tree).out)


def _list_blobs(tree: Path, tips: Collection[str], published: Collection[str], held: str) -> Iterator[Held]:
    out = git("rev-list", "--objects", "--missing=allow-any", *tips, "--not", *published, "--", tree=tree).out
    # A line is an id and, of what a tree names, its path up to a line end in it.
    named = [line.partition(b" ")[::2] for line in out.split(b"\n") if b" " in line]
    for (blob, path), (kind, _) in zip(named, _describe(tree, [blob.decode() for blob, _ in named]), strict=True):
        if kind == b"blob" and path:
            yield Held(os.fsdecode(path), blob.decode(), held)


def _describe(tree: Path, objects: list[str]) -> list[tuple[bytes, int]]:
    """Kind and size in bytes of each object; one that is not here is of the kind ``missing``."""
    asked = "".join(f"{name}\n" for name in objects).encode()
    lines = git("cat-file", "--batch-check=%(objecttype) %(objectsize)", tree=tree, stdin=asked).out.split(b"\n")
    pairs = [line.split(b" ") for line in lines[: len(objects)]]
    return [(kind, int(size)) if size.isdigit() else (b"missing", 0) for kind, size in pairs]


def _read(tree: Path, items: list[Held]) -> Iterator[tuple[Held, bytes]]:
    """The contents of those that are here; a partial clone lacks some, which then do not travel either."""
    batch: list[tuple[Held, int]] = []
    for item, (kind, size) in zip(items, _describe(tree, [item.blob for item in items]), strict=True):
        if kind != b"blob":
            continue
        if batch and sum(size for _, size in batch) + size > _TOGETHER:
            yield from _read_batch(tree, batch)
            batch = []
        batch.append((item, size))
    yield from _read_batch(tree, batch)


def _read_batch(tree: Path, batch: list[tuple[Held, int]]) -> Iterator[tuple[Held, bytes]]:
    asked = "".join(f"{item.blob}\n" for item, _ in batch).encode()
    out = git("cat-file", "--batch", tree=tree, stdin=asked).out if batch else b""
    at = 0
    for item, size in batch:
        at = out.index(b"\n", at) + 1
        yield item, out[at : at + size]
        at += size + 1


def _key(item: Held) -> str:
    return f"{BLOB}{item.blob} {os.fsencode(item.path).hex()}"
