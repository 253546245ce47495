"""The work tree as a commit under ``refs/castoff/undo/``, before a pull changes it: for the user's own git commands.

What `snapshot.home.undo` needs is kept apart, byte for byte. The user's index, HEAD and branches are not touched.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from snapshot.errors import GitFailed
from snapshot.git import git

_REFS = "refs/castoff/undo"
_NO_COMMIT = "does not have a commit checked out"
_WHO = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "castoff"), ("EMAIL", "castoff@localhost"))
}


def keep_in_ref(tree: Path, message: str) -> str:
    """Commit the work tree, untracked files included, to the next free ref and return its name. Raises `GitFailed`.

    Of the repositories in it git takes the commits only, and nothing of one that has none.
    """
    with tempfile.TemporaryDirectory(prefix="castoff-undo-") as folder:
        environment = {**_WHO, "GIT_INDEX_FILE": _copy_index(tree, Path(folder))}

        def run(*words: str, accept: tuple[int, ...] = (0,)) -> str:
            return os.fsdecode(git(*words, tree=tree, environment=environment, accept=accept).out).strip()

        added = git("add", "--all", "--ignore-errors", ".", tree=tree, environment=environment, accept=(0, 1))
        wrong = [line for line in added.error.splitlines() if line.startswith("error: ")] if added.status else []
        if failed := [line for line in wrong if not line.endswith(_NO_COMMIT)]:
            raise GitFailed(f"git add failed: {failed[0]}.")
        made = run("write-tree", "--missing-ok")
        head = run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1))
        commit = run("commit-tree", made, *(("-p", head) if head else ()), "-m", message)
        numbers = [name.rpartition("/")[2] for name in run("for-each-ref", "--format=%(refname)", _REFS).split("\n")]
        ref = f"{_REFS}/{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"
        # Nobody else's: it fails if the ref has come into being meanwhile.
        run("update-ref", "--", ref, commit, "0" * len(commit))
    return ref


class UndoRef(NamedTuple):
    """One of them: its name, its commit, and the Unix time of that."""

    name: str
    commit: str
    at: float


def list_refs(tree: Path) -> list[UndoRef]:
    """The undo refs of the tree's repository, the newest first. Raises `GitFailed`."""
    asked = "--format=%(refname) %(objectname) %(committerdate:unix)"
    lines = os.fsdecode(git("for-each-ref", asked, _REFS, tree=tree).out).splitlines()
    # Somebody else's may lie there too: only what is a number and a commit is ours.
    parts = [line.split(" ") for line in lines]
    ours = [each for each in parts if len(each) == 3 and each[2] and each[0].rpartition("/")[2].isdecimal()]
    refs = [UndoRef(name, commit, float(at)) for name, commit, at in ours]
    return sorted(refs, key=lambda ref: -int(ref.name.rpartition("/")[2]))


def drop_ref(tree: Path, ref: UndoRef) -> None:
    """Forget it, if it still is that commit. Raises `GitFailed`."""
    git("update-ref", "-d", "--", ref.name, ref.commit, tree=tree)


def shared_directory(tree: Path) -> str:
    """Where the refs of the tree's repository lie, which its other worktrees share. Raises `GitFailed`."""
    found = os.fsdecode(git("rev-parse", "--git-common-dir", tree=tree).out).rstrip("\n")
    return os.path.realpath(tree / found)


def _copy_index(tree: Path, folder: Path) -> str:
    index = tree / os.fsdecode(git("rev-parse", "--git-path", "index", tree=tree).out).rstrip("\n")
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, folder / shared.name)
    if index.is_file():
        # With its times, or git would take every file for a changed one.
        shutil.copy2(index, folder / "index")
    return str(folder / "index")
