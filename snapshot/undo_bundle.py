"""The work tree as a commit in a bundle, before a pull changes it: for the user's own git commands.

What `snapshot.home.undo` needs is kept apart, byte for byte. Nothing is written into the user's repository: all that
is in it travels with a handoff, and the work tree holds what the user chose to leave here or to mask.
"""

import os
import shutil
import tempfile
from pathlib import Path

from snapshot.durable import sync_directory
from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git, quote_path
from snapshot.repository import git_path

_NO_COMMIT = "does not have a commit checked out"
_WHO = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "castoff"), ("EMAIL", "castoff@localhost"))
}


def keep_as_bundle(tree: Path, file: Path, message: str) -> None:
    """Commit the work tree, untracked files included, onto HEAD, and write that commit into the bundle ``file`` (0600),
    which ``git fetch FILE`` reads in the repository of ``tree``. Raises `GitFailed`, `OSError`.

    Of the repositories in it git takes the commits only, and nothing of one that has none.
    """
    with tempfile.TemporaryDirectory(prefix="castoff-undo-", dir=file.parent) as folder:
        store = Path(folder, "store")
        _make_store(tree, store)
        commit, head = _commit(tree, store, message)
        git("update-ref", "--no-deref", "HEAD", commit, git_dir=store, environment=OWN_CONFIG)
        bundle = Path(folder, "bundle")
        asked = ("HEAD", *((f"^{head}",) if head else ()))
        git("bundle", "create", "--quiet", str(bundle), *asked, git_dir=store, environment=OWN_CONFIG)
        bundle.chmod(0o600)
        _sync(bundle)
        bundle.replace(file)
    sync_directory(file.parent)


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _make_store(tree: Path, store: Path) -> None:
    """An empty repository that borrows the objects of ``tree``'s."""
    form = git("rev-parse", "--show-object-format", tree=tree).out.decode().strip()
    init = ("init", "--quiet", "--bare", "--template=", f"--object-format={form}", str(store))
    git(*init, environment=OWN_CONFIG)
    (store / "objects/info").mkdir(exist_ok=True)
    borrowed = os.fsencode(quote_path(git_path(tree, "objects")))
    (store / "objects/info/alternates").write_bytes(borrowed + b"\n")
    if (shallow := git_path(tree, "shallow")).is_file():
        shutil.copyfile(shallow, store / "shallow")


def _commit(tree: Path, store: Path, message: str) -> tuple[str, str]:
    """The ids of a commit of the work tree, whose new objects are in ``store`` alone, and of HEAD ("" if unborn)."""
    environment = {
        **_WHO,
        "GIT_INDEX_FILE": _copy_index(tree, store),
        "GIT_OBJECT_DIRECTORY": str((store / "objects").absolute()),
    }

    def run(*words: str, accept: tuple[int, ...] = (0,)) -> str:
        return os.fsdecode(git(*words, tree=tree, environment=environment, accept=accept).out).strip()

    added = git("add", "--all", "--ignore-errors", ".", tree=tree, environment=environment, accept=(0, 1))
    wrong = [line for line in added.error.splitlines() if line.startswith("error: ")] if added.status else []
    if failed := [line for line in wrong if not line.endswith(_NO_COMMIT)]:
        raise GitFailed(f"git add failed: {failed[0]}.")
    made = run("write-tree", "--missing-ok")
    head = run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", accept=(0, 1))
    return run("commit-tree", made, *(("-p", head) if head else ()), "-m", message), head


def _copy_index(tree: Path, folder: Path) -> str:
    index = git_path(tree, "index")
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, folder / shared.name)
    if index.is_file():
        # With its times, or git would take every file for a changed one.
        shutil.copy2(index, folder / "index")
    return str((folder / "index").absolute())
