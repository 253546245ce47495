"""The store of diffs, and how git is run in it: a bare repository outside the tree that borrows the user's objects."""

import os
from collections.abc import Iterable
from pathlib import Path

from snapshot.git import OWN_CONFIG, git, quote_path
from snapshot.repository import COPIED, git_path, has_repository

LARGE = 2 * 1024 * 1024
"""Files above this many bytes are not compared line by line."""
INDEX = "castoff-index"


def run_in_store(tree: Path, store: Path, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
    """The output of a git command that sees the store's objects and the user's, and ``index``, or else the store's.

    Raises `GitFailed`.
    """
    environment = {**OWN_CONFIG, "GIT_INDEX_FILE": str((index or store / INDEX).absolute())}
    if has_repository(tree):
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = quote_path(git_path(tree, "objects"))
    config = (*COPIED, f"core.bigFileThreshold={LARGE}", *_user_excludes())
    return git(*arguments, tree=tree, git_dir=store, config=config, environment=environment, stdin=stdin).out


def join_names(paths: Iterable[str]) -> bytes:
    """Paths as git reads them with ``-z --stdin``."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def split_names(out: bytes) -> list[str]:
    """Paths as git prints them with ``-z``."""
    return [path for path in os.fsdecode(out).split("\0") if path]


def _user_excludes() -> list[str]:
    # The user's own ignore file counts as it does for `git status`; nothing else of the user's settings does.
    if "HOME" not in os.environ:
        return []
    found = git("config", "--global", "--type=path", "--get", "core.excludesFile", accept=(0, 1)).out
    name = os.fsdecode(found).rstrip("\n")
    return [f"core.excludesFile={name}"] if name else []
