"""The tree as a commit in a bundle, before a pull changes it; the user's repository holds nothing of it."""

from pathlib import Path

import pytest

from snapshot.errors import GitFailed
from snapshot.undo_bundle import keep_as_bundle
from tests.snapshot.repos import inner_repositories, run, start, write


def objects_of(tree: Path) -> bytes:
    return run(tree, "cat-file", "--batch-all-objects", "--batch-check") + run(tree, "for-each-ref")


def fetch(tree: Path, bundle: Path) -> str:
    run(tree, "fetch", "-q", "--no-write-fetch-head", str(bundle), "HEAD:refs/before")
    return "refs/before"


def test_the_whole_tree_is_in_it_and_nothing_of_it_in_the_repository(tmp_path: Path) -> None:
    tree, bundle = tmp_path / "tree", tmp_path / "before.bundle"
    start(tree)
    write(tree, "staged", "once staged\n")
    run(tree, "add", "staged")
    write(tree, ".env", "left here\n")
    write(tree, "README", "changed\n")
    before, index = objects_of(tree), (tree / ".git/index").read_bytes()
    keep_as_bundle(tree, bundle, "before")
    assert (objects_of(tree), (tree / ".git/index").read_bytes()) == (before, index)
    assert bundle.stat().st_mode & 0o777 == 0o600 and set(tmp_path.iterdir()) == {bundle, tree}
    run(tree, "reset", "-q", "--hard")
    run(tree, "prune", "--expire=now")
    kept = fetch(tree, bundle)
    assert [run(tree, "show", f"{kept}:{path}") for path in ("staged", ".env", "README")] == [
        b"once staged\n",
        b"left here\n",
        b"changed\n",
    ]
    assert run(tree, "rev-parse", f"{kept}^") == run(tree, "rev-parse", "HEAD")


def test_before_the_first_commit_it_stands_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    write(tree, "only", "file\n")
    run(tree, "init", "-q")
    keep_as_bundle(tree, tmp_path / "before.bundle", "before")
    assert run(tree, "show", f"{fetch(tree, tmp_path / 'before.bundle')}:only") == b"file\n"


def test_a_repository_without_a_commit_inside_is_passed_over(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    inner_repositories(tree)
    keep_as_bundle(tree, tmp_path / "before.bundle", "before")
    kept = run(tree, "ls-tree", "-r", "--name-only", fetch(tree, tmp_path / "before.bundle")).split(b"\n")
    assert {b"README", b"vendor/lib", b"stale/.git"} & set(kept) == {b"README", b"vendor/lib"}
    assert not any(name.startswith(b"fresh") for name in kept)


def test_anything_else_that_cannot_be_added_is_told(tmp_path: Path) -> None:
    inner_repositories(tmp_path / "tree")
    write(tmp_path / "tree", "git~1")
    with pytest.raises(GitFailed, match="git~1"):
        keep_as_bundle(tmp_path / "tree", tmp_path / "before.bundle", "before")
