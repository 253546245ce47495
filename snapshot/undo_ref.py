"""The work tree as a commit under ``refs/castoff/undo/``, before a pull changes it: for the user's own git commands.

What `snapshot.home.undo` needs is kept apart, byte for byte. The user's index, HEAD and branches are not touched.
"""

import os
import shutil
import tempfile
from pathlib import Path

from snapshot.git import git

_REFS = "refs/castoff/undo"
_WHO = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "castoff"), ("EMAIL", "castoff@localhost"))
}


def keep_in_ref(tree: Path, message: str) -> str:
    """Commit the work tree, untracked files included, to the next free ref and return its name. Raises `GitFailed`."""
    with tempfile.TemporaryDirectory(prefix="castoff-undo-") as folder:
        environment = {**_WHO, "GIT_INDEX_FILE": _copy_index(tree, Path(folder))}

        def run(*words: str, accept: tuple[int, ...] = (0,)) -> str:
            return os.fsdecode(git(*words, tree=tree, environment=environment, accept=accept).out).strip()

        run("add", "--all", ".")
        made = run("write-tree", "--missing-ok")
        head = run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1))
        commit = run("commit-tree", made, *(("-p", head) if head else ()), "-m", message)
        numbers = [name.rpartition("/")[2] for name in run("for-each-ref", "--format=%(refname)", _REFS).split("\n")]
        ref = f"{_REFS}/{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"
        # Nobody else's: it fails if the ref has come into being meanwhile.
        run("update-ref", "--", ref, commit, "0" * len(commit))
    return ref


def _copy_index(tree: Path, folder: Path) -> str:
    index = tree / os.fsdecode(git("rev-parse", "--git-path", "index", tree=tree).out).rstrip("\n")
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, folder / shared.name)
    if index.is_file():
        # With its times, or git would take every file for a changed one.
        shutil.copy2(index, folder / "index")
    return str(folder / "index")
