"""What a repository holds and nothing of it refers to, with the real git."""

from pathlib import Path

import pytest

from snapshot import unreachable
from snapshot.unreachable import find_unreachable
from tests.snapshot.repos import run, start, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    start(tmp_path / "tree")
    return tmp_path / "tree"


def stage_and_forget(tree: Path, text: str) -> str:
    write(tree, "once", text)
    run(tree, "add", "once")
    blob = run(tree, "rev-parse", ":once").decode().strip()
    run(tree, "rm", "-q", "--cached", "once")
    (tree / "once").unlink()
    return blob


def as_fsck_says(tree: Path) -> list[str]:
    lines = run(tree, "fsck", "--unreachable", "--no-progress").decode().splitlines()
    return sorted(line.split(" ")[2] for line in lines if line.startswith("unreachable blob "))


def test_a_whole_repository_has_none(repo: Path) -> None:
    write(repo, "README", "staged only\n")
    run(repo, "add", "README")
    run(repo, "stash", "-q")
    run(repo, "commit", "-q", "--amend", "-m", "again")
    assert find_unreachable(repo) == []
    run(repo, "gc", "-q")
    assert find_unreachable(repo) == []


def test_what_was_staged_once_is_found_beside_what_is_packed(repo: Path) -> None:
    run(repo, "gc", "-q")
    blob = stage_and_forget(repo, "staged once\n")
    assert find_unreachable(repo) == [blob] == as_fsck_says(repo)


def test_a_dropped_stash_is_found_loose_or_packed(repo: Path, tmp_path: Path) -> None:
    write(repo, "README", "stashed\n")
    run(repo, "stash", "-q")
    blob = run(repo, "rev-parse", "stash:README").decode().strip()
    run(repo, "repack", "-q", "-a", "-d")
    assert find_unreachable(repo, tmp_path / "packs.json") == []
    run(repo, "stash", "drop", "-q")
    assert find_unreachable(repo) == [blob] == as_fsck_says(repo)


def test_what_is_loose_and_packed_is_not_taken_for_unreachable(repo: Path) -> None:
    run(repo, "repack", "-q", "-a")
    assert run(repo, "prune-packed", "-n") != b""
    assert find_unreachable(repo) == []


def test_packs_are_searched_once(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "packs.json"
    write(repo, "README", "stashed\n")
    run(repo, "stash", "-q")
    run(repo, "repack", "-q", "-a", "-d")
    run(repo, "stash", "drop", "-q")
    (blob,) = find_unreachable(repo, record)
    monkeypatch.delattr(unreachable, "_count_packed")
    loose = stage_and_forget(repo, "staged once\n")
    assert find_unreachable(repo, record) == sorted([blob, loose])
    monkeypatch.undo()
    record.write_bytes(b"damaged")
    assert find_unreachable(repo, record) == sorted([blob, loose])


def test_of_very_many_packed_objects_only_loose_ones_are_looked_at(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, "README", "stashed\n")
    run(repo, "stash", "-q")
    run(repo, "repack", "-q", "-a", "-d")
    run(repo, "stash", "drop", "-q")
    monkeypatch.setattr(unreachable, "MOST_PACKED", 2)
    assert find_unreachable(repo) == []
