"""What left, kept here byte for byte in an object store of our own, so that a merge has a base for every text.

The store is a bare repository outside the tree that borrows the user's objects and starts from a copy of the user's
index: only what git does not hold already is read and written. No conversion of line ends, no filter and no hook
runs, so a blob is exactly the file; where git's own blob is another one (line ends, LFS), the file is stored anew.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git, quote_path
from snapshot.manifest import Entry, Frozen, Manifest
from snapshot.repository import has_repository

_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"
_INDEX = "index"


class Left(Frozen):
    """Ids of two trees in the store: ``git`` as git would have it, ``exact`` with the bytes of every file."""

    git: str
    exact: str


def keep_left(tree: Path, store: Path, manifest: Manifest, overlay: Path | None = None) -> Left:
    """Keep the files of ``manifest`` (not those of ``.git``) in ``store``, which is made if missing.

    ``overlay`` is a folder with the bytes of those that left with other bytes than they have here. Raises `GitFailed`,
    `OSError`.
    """
    _prepare(tree, store)
    files = {entry.path: entry for entry in manifest.tree_entries() if entry.type != "dir"}
    try:
        return _write_trees(_Store(tree, store), files, overlay)
    except GitFailed:
        # The user's index may be of a kind (split, sparse) that means nothing outside its repository.
        (store / _INDEX).unlink(missing_ok=True)
        return _write_trees(_Store(tree, store), files, overlay)


def read_left(store: Path, left: Left, entry: Entry) -> bytes | None:
    """The bytes of the file ``entry`` as it left; None if the store does not hold exactly them."""
    found = git(
        "cat-file", "blob", f"{left.exact}:{entry.path}", git_dir=store, environment=OWN_CONFIG, accept=(0, 128)
    )
    exact = found.status == 0 and blake3(found.out).hexdigest() == entry.digest
    return found.out if exact else None


class _Item(NamedTuple):
    """One path of an index. ``tag`` is git's: H, or another letter where the file's times are not to be believed."""

    tag: str
    mode: str
    blob: str


class _Store(NamedTuple):
    """Git commands on the store's index with the user's files as work tree."""

    tree: Path
    folder: Path

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        environment = {**OWN_CONFIG, "GIT_INDEX_FILE": str((self.folder / _INDEX).absolute())}
        # Inode and ctime of a file say nothing to an index that was copied.
        config = ("core.checkStat=minimal", "core.trustctime=false", "core.compression=1")
        return git(*words, tree=self.tree, git_dir=self.folder, config=config, environment=environment, stdin=stdin).out

    def read_index(self) -> dict[str, _Item]:
        items: dict[str, _Item] = {}
        for record in os.fsdecode(self.run("ls-files", "-z", "--stage", "-v")).split("\0"):
            head, _, path = record.partition("\t")
            if path:
                tag, mode, blob, stage = head.split(" ")
                items[path] = _Item(tag if stage == "0" else "M", mode, blob)
        return items

    def forget(self, paths: Iterable[str]) -> None:
        self.run("update-index", "--force-remove", "-z", "--stdin", stdin=_lines(paths))

    def add(self, paths: Iterable[str]) -> None:
        self.run("update-index", "--add", "--replace", "-z", "--stdin", stdin=_lines(paths))

    def write_tree(self) -> str:
        return self.run("write-tree", "--missing-ok").decode().strip()

    def other_sizes(self, files: Mapping[str, Entry]) -> list[str]:
        """The files whose blob is of another size than they are, or missing: it was converted."""
        items = [(path, item) for path, item in self.read_index().items() if path in files]
        asked = _lines((item.blob for _, item in items), end=b"\n")
        sizes = self.run("cat-file", "--batch-check=%(objectsize)", stdin=asked).split(b"\n")
        return [
            path
            for (path, _), size in zip(items, sizes, strict=False)
            if not size.isdigit() or int(size) != files[path].size
        ]

    def put(self, file: Path, path: str, mode: int) -> None:
        """Take the bytes of ``file`` for ``path``."""
        blob = self.run("hash-object", "-w", "--no-filters", "--", str(file.absolute())).decode().strip()
        kind = "100755" if mode & 0o100 else "100644"
        self.run("update-index", "-z", "--index-info", stdin=_lines([f"{kind} {blob}\t{path}"]))


def _write_trees(store: _Store, files: Mapping[str, Entry], overlay: Path | None) -> Left:
    index = store.read_index()
    links = tuple(f"{path}/" for path, item in index.items() if item.mode == "160000")
    inner = [path for path in files if path.startswith(links)] if links else []
    store.forget(path for path, item in index.items() if _is_gone(path, item, files))
    # Files marked as not to be looked at count as they are.
    store.forget(path for path, item in index.items() if path in files and item.tag != "H")
    store.add(files.keys() - set(inner))
    replaced = {file.relative_to(overlay or file).as_posix(): file for file in _files_in(overlay)}
    changed = [path for path in replaced if path in files and path not in inner]
    for path in changed:
        # In the tree for branches as well: what was masked must not travel in one later.
        store.put(replaced[path], path, files[path].mode)
    as_git = store.write_tree()
    other = [path for path in store.other_sizes(files) if path not in changed]
    store.forget(other)
    store.add([*other, *inner])
    for path in inner:
        if path in replaced:
            store.put(replaced[path], path, files[path].mode)
    return Left(git=as_git, exact=store.write_tree())


def _is_gone(path: str, item: _Item, files: Mapping[str, Entry]) -> bool:
    # A sparse checkout's files are in the index only; a submodule's commit stands for its folder.
    return path not in files and item.mode != "160000" and item.tag != "S"


def _files_in(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]


def _prepare(tree: Path, store: Path) -> None:
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    repository = has_repository(tree)
    if not (store / "objects" / "info").exists():
        form = git("rev-parse", "--show-object-format", tree=tree).out.decode().strip() if repository else "sha1"
        init = ("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(store))
        git(*init, environment=OWN_CONFIG)
    (store / "info").mkdir(exist_ok=True)
    (store / "info" / "attributes").write_text(_ATTRIBUTES)
    for rest in store.glob("*.lock"):
        rest.unlink()
    if repository:
        objects = os.fsdecode(git("rev-parse", "--git-path", "objects", tree=tree).out).rstrip("\n")
        borrowed = os.fsencode(quote_path(tree / objects))
        (store / "objects" / "info" / "alternates").write_bytes(borrowed + b"\n")
        if not (store / _INDEX).exists():
            _seed(tree, store)


def _seed(tree: Path, store: Path) -> None:
    index = tree / os.fsdecode(git("rev-parse", "--git-path", "index", tree=tree).out).rstrip("\n")
    if not index.is_file():
        return
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, store / shared.name)
    # The times must be kept: git trusts an entry only if the index file is newer than the file.
    part = store / f"{_INDEX}.part"
    shutil.copy2(index, part)
    part.replace(store / _INDEX)


def _lines(items: Iterable[str], end: bytes = b"\0") -> bytes:
    return b"".join(os.fsencode(item) + end for item in items)
