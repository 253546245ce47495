"""A run's tree as a new branch or as a patch, without touching work tree, index or HEAD here.

Both are made in the store that holds what left (`snapshot.left`): no conversion, filter or hook runs on what a host
sent, so files go in as they are. A branch is fetched from there, and git checks every new object strictly.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from snapshot.changes import Change
from snapshot.durable import write_durably
from snapshot.errors import GitFailed, WayBlocked
from snapshot.git import OWN_CONFIG, git
from snapshot.left import Left
from snapshot.repository import checks_for, has_repository

_MADE = "refs/castoff/made"


class Shelf(NamedTuple):
    """What the ways are made from: the store with what left, and the folder with the run's files."""

    store: Path
    left: Left
    run: Path


def check_branch(tree: Path, name: str) -> None:
    """Raise `WayBlocked` if no branch ``name`` can be made in the repository of ``tree``."""
    if not has_repository(tree):
        raise WayBlocked("There is no git repository here, so no branch.", "Pull as a patch: --patch FILE.")
    if git("check-ref-format", "--branch", name, tree=tree, accept=(0, 1, 128)).status != 0:
        raise WayBlocked(f"{name!r} is no name for a branch.", "Choose another one.")


def make_branch(tree: Path, name: str, changes: Sequence[Change], shelf: Shelf, parent: str, message: str) -> str:
    """Commit what left with ``changes`` to the new branch ``name``; its commit. Again it changes nothing.

    ``parent`` is a commit, or "". Raises `WayBlocked` if there is such a branch with something else, `GitFailed`.
    """
    made = _build(shelf, shelf.left.git, changes)
    ref = f"refs/heads/{name}"
    known = git("rev-parse", "--verify", "--quiet", f"{ref}^{{tree}}", tree=tree, accept=(0, 1)).out.decode().strip()
    if known and known != made:
        raise WayBlocked(f"There is a branch {name!r} already.", "Choose another name.")
    if not known:
        environment = {**OWN_CONFIG, **_identity(tree)}
        commit = git(
            *("commit-tree", made, *(("-p", parent) if parent else ()), "-m", message),
            git_dir=shelf.store,
            environment=environment,
        ).out
        git("update-ref", _MADE, commit.decode().strip(), git_dir=shelf.store, environment=OWN_CONFIG)
        git(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"),
            *("--no-recurse-submodules", str(shelf.store.absolute()), f"{_MADE}:{ref}"),
            tree=tree,
            config=(*checks_for(tree), "protocol.file.allow=always", "fetch.writeCommitGraph=false"),
        )
    return git("rev-parse", "--verify", ref, tree=tree).out.decode().strip()


def make_patch(changes: Sequence[Change], shelf: Shelf, target: Path) -> None:
    """Write what the run changed to ``target`` as a patch for ``git apply``, binary files included.

    Raises `WayBlocked` if there is another file already, `GitFailed`, `OSError`.
    """
    made = _build(shelf, shelf.left.exact, changes)
    part = shelf.run.parent / "patch"
    options = ("--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")
    git(
        *("diff-tree", "-r", "-p", *options, f"--output={part.absolute()}", shelf.left.exact, made),
        git_dir=shelf.store,
        environment=OWN_CONFIG,
    )
    data = part.read_bytes()
    if not os.path.lexists(target):
        write_durably(target, data)
    elif target.read_bytes() != data:
        raise WayBlocked(f"There is a file {str(target)!r} already.", "Choose another name.")
    part.unlink()


def _build(shelf: Shelf, start: str, changes: Sequence[Change]) -> str:
    """The id of the tree ``start`` with ``changes``, made in the store."""
    index = shelf.run.parent / "way.index"
    index.unlink(missing_ok=True)

    def run(*words: str, stdin: bytes = b"") -> bytes:
        environment = {**OWN_CONFIG, "GIT_INDEX_FILE": str(index.absolute())}
        return git(*words, tree=shelf.run, git_dir=shelf.store, environment=environment, stdin=stdin).out

    run("read-tree", start)
    known = _read_index(run("ls-files", "-z", "--stage"))
    links = tuple(f"{path}/" for path, (mode, _) in known.items() if mode == "160000")
    # A submodule's files are in its own repository, not in this one's tree.
    changes = [change for change in changes if not change.path.startswith(links)] if links else changes
    gone = [change.path for change in changes if change.after is None or change.after.type == "dir"]
    run("update-index", "--force-remove", "-z", "--stdin", stdin=_lines(gone))
    files = [change for change in changes if change.content]
    run("update-index", "--add", "--replace", "-z", "--stdin", stdin=_lines([change.path for change in files]))
    known |= _read_index(run("ls-files", "-z", "--stage"))
    rows: list[str] = []
    for change in changes:
        if change.after is not None and change.after.type == "symlink":
            blob = run("hash-object", "-w", "--stdin", stdin=os.fsencode(change.after.target)).decode().strip()
            rows.append(f"120000 {blob}\t{change.path}")
        elif change.after is not None and change.after.type == "file" and change.path in known:
            mode = "100755" if change.after.mode & 0o100 else "100644"
            rows.append(f"{mode} {known[change.path][1]}\t{change.path}")
    run("update-index", "--replace", "-z", "--index-info", stdin=_lines(rows))
    made = run("write-tree", "--missing-ok").decode().strip()
    index.unlink()
    return made


def _read_index(out: bytes) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for record in os.fsdecode(out).split("\0"):
        head, _, path = record.partition("\t")
        if path:
            mode, blob, _ = head.split(" ")
            found[path] = (mode, blob)
    return found


def _identity(tree: Path) -> dict[str, str]:
    """The user's own name for the commit, as git has it; ours where git has none."""
    try:
        said = git("var", "GIT_COMMITTER_IDENT", tree=tree).out.decode(errors="replace")
        name, _, rest = said.partition(" <")
        email = rest.partition(">")[0]
    except GitFailed:
        name, email = "castoff", "castoff@localhost"
    return {
        f"GIT_{role}_{field}": value
        for role in ("AUTHOR", "COMMITTER")
        for field, value in (("NAME", name), ("EMAIL", email))
    }


def _lines(items: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(item) + b"\0" for item in items)
