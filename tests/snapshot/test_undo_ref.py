"""The tree as a commit of the user's own repository, before a pull changes it."""

from pathlib import Path

import pytest

from snapshot.errors import GitFailed
from snapshot.undo_ref import keep_in_ref
from tests.snapshot.repos import inner_repositories, run, write


def test_a_repository_without_a_commit_inside_is_passed_over(tmp_path: Path) -> None:
    inner_repositories(tmp_path / "tree")
    ref = keep_in_ref(tmp_path / "tree", "before")
    kept = run(tmp_path / "tree", "ls-tree", "-r", "--name-only", ref).split(b"\n")
    assert {b"README", b"vendor/lib", b"stale/.git"} & set(kept) == {b"README", b"vendor/lib"}
    assert not any(name.startswith(b"fresh") for name in kept)


def test_anything_else_that_cannot_be_added_is_told(tmp_path: Path) -> None:
    inner_repositories(tmp_path / "tree")
    write(tmp_path / "tree", "git~1")
    with pytest.raises(GitFailed, match="git~1"):
        keep_in_ref(tmp_path / "tree", "before")
