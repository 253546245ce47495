"""The base that a run's diffs are made against: the work tree as a git tree object in a store of our own.

The store is a bare repository outside the tree. It borrows the user's objects and starts from a copy of the user's
index, so that only changed files are read; the user's repository is never written to and its configuration never
read: no filter, hook or monitor of it runs.
"""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git
from snapshot.listing import list_paths
from snapshot.repository import git_path, has_repository
from snapshot.selection import EVERYTHING, Selection
from snapshot.stand_in import forget_stand_ins, spare, spare_large, stand_ins
from snapshot.store import INDEX, join_names, run_in_store, split_names
from snapshot.walk import walk


def record_base(tree: Path, store: Path, selection: Selection = EVERYTHING) -> str:
    """Write the work tree (tracked and untracked, and of what git ignores only what ``selection`` includes) into
    ``store``, made if missing; its tree id. What is too much to be kept has a stand-in (`snapshot.stand_in`).

    Without a repository everything is written. Raises `GitFailed`.
    """
    prepare_store(tree, store)
    return write_tree(tree, store, selection)


def prepare_store(tree: Path, store: Path) -> None:
    """Make the store for ``tree`` if there is none."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(store):
        # What git makes last.
        if (store / "objects" / "info").exists():
            return
        form = "sha1"
        if has_repository(tree):
            form = git("rev-parse", "--show-object-format", tree=tree).out.decode().strip()
        git("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(store), environment=OWN_CONFIG)


def write_tree(tree: Path, store: Path, selection: Selection = EVERYTHING) -> str:
    """The id of the tree object of the work tree as it is now."""
    with _alone(store):
        _copy_excludes(tree, store)
        index = store / INDEX
        if not index.exists():
            forget_stand_ins(store)
            _seed(tree, store)
        try:
            return _add_all(tree, store, selection)
        except GitFailed:
            # The user's index may be of a kind (split, sparse) that means nothing outside its repository.
            index.unlink(missing_ok=True)
            forget_stand_ins(store)
            return _add_all(tree, store, selection)


@contextmanager
def _alone(store: Path) -> Generator[None]:
    """Wait for others who write to the store; git itself would fail. The lock goes with the process."""
    handle = os.open(store / "castoff-alone", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Of a git that was killed; no other is at work here now.
        for rest in store.glob("*.lock"):
            rest.unlink()
        yield
    finally:
        os.close(handle)


def _add_all(tree: Path, store: Path, selection: Selection) -> str:
    # Without a repository nothing is ignored: the whole folder travelled.
    force = () if has_repository(tree) else ("--force",)
    spare_large(tree, store, force=bool(force))
    try:
        run_in_store(tree, store, "add", "--all", *force, ".")
        inner = b"160000 " in run_in_store(tree, store, "ls-files", "--stage", "-z")
    except GitFailed:
        # One without a commit cannot be added.
        if not any(path.endswith("/.git") for path, _ in walk(tree).found):
            raise
        inner = True
    if inner or selection != EVERYTHING:
        _add_listed(tree, store, selection)
    return run_in_store(tree, store, "write-tree").decode().strip()


def _add_listed(tree: Path, store: Path, selection: Selection) -> None:
    """Take what is listed: also files of the repositories inside the tree, of which git itself adds the commit only,
    and what is selected otherwise than git's ignore rules do."""
    files = {path for path in list_paths(tree, selection) if (tree / path).is_symlink() or not (tree / path).is_dir()}
    held = split_names(run_in_store(tree, store, "ls-files", "-v", "-z"))
    # A sparse checkout's files are in the index only.
    gone = [item[2:] for item in held if item[2:] not in files and item[:1] not in {"S", "s"}]
    run_in_store(tree, store, "update-index", "--force-remove", "-z", "--stdin", stdin=join_names(gone))
    spare(tree, store, files.difference(item[2:] for item in held))
    files -= stand_ins(store)
    run_in_store(tree, store, "update-index", "--add", "--replace", "-z", "--stdin", stdin=join_names(sorted(files)))


def _seed(tree: Path, store: Path) -> None:
    if not has_repository(tree) or not (own := git_path(tree, "index")).is_file():
        return
    for shared in own.parent.glob("sharedindex.*"):
        shutil.copy2(shared, store / shared.name)
    # The times must be kept: git trusts an entry only if the index file is newer than the file.
    part = store / f"{INDEX}.part"
    shutil.copy2(own, part)
    part.replace(store / INDEX)


def _copy_excludes(tree: Path, store: Path) -> None:
    copy = store / "info" / "exclude"
    if has_repository(tree) and (rules := git_path(tree, "info/exclude")).is_file():
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(rules, copy)
    else:
        copy.unlink(missing_ok=True)
