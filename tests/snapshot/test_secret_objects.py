"""Secrets that a repository holds and no file of the work tree, with the real git."""

import subprocess
from pathlib import Path

import pytest

from snapshot import secret_objects
from snapshot.secret_objects import Held, find_held, find_versions, scan_held
from snapshot.secret_tree import ScanCache
from tests.snapshot.plants import plants

PLANT = next(plant for plant in plants(seed=41, rounds=1) if plant.kind == "password-env")


def git(tree: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "protocol.file.allow=always"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=tree, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "-q", "-b", "main")
    for name in ("a.env", "b.env", "-c\n.env"):
        (tree / name).write_text("nothing\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "one")
    return tree


def publish(tree: Path) -> None:
    git(tree.parent, "init", "-q", "--bare", "away.git")
    git(tree, "remote", "add", "origin", str(tree.parent / "away.git"))
    git(tree, "push", "-q", "origin", "main")


def told(tree: Path) -> list[tuple[str, str, int]]:
    return [(hit.path, hit.held, hit.line) for hit in scan_held(tree, find_held(tree))]


@pytest.mark.parametrize("name", ["a.env", "-c\n.env", "new.env"])
def test_a_staged_secret_is_found_when_the_file_says_something_else(repo: Path, name: str) -> None:
    (repo / name).write_bytes(PLANT.data)
    git(repo, "add", "--", name)
    assert told(repo) == []  # the file itself holds it, and is searched
    (repo / name).write_text("nothing\n")
    assert told(repo) == [(name, "staged", 3)]
    (repo / name).unlink()
    assert told(repo) == [(name, "staged", 3)]


def test_a_staged_secret_is_found_when_git_was_told_not_to_watch_the_file(repo: Path) -> None:
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "add", "a.env")
    git(repo, "update-index", "--assume-unchanged", "a.env")
    (repo / "a.env").write_text("nothing\n")
    assert told(repo) == [("a.env", "staged", 3)]


def test_what_is_only_staged_for_deletion_or_intended_holds_nothing(repo: Path) -> None:
    git(repo, "rm", "-q", "--cached", "a.env")
    (repo / "new.env").write_bytes(PLANT.data)
    git(repo, "add", "-N", "new.env")
    assert find_held(repo) == []


def test_every_stash_is_searched_untracked_files_in_it_too(repo: Path) -> None:
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "stash", "-q")
    (repo / "new.env").write_bytes(PLANT.data + b"more\n")
    git(repo, "stash", "-q", "--include-untracked")
    (repo / "b.env").write_text("harmless\n")
    git(repo, "stash", "-q")
    assert told(repo) == [("a.env", "stash", 3), ("new.env", "stash", 3)]


@pytest.mark.parametrize("remote", [True, False])
def test_what_is_under_another_name_than_a_branch_is_searched(repo: Path, remote: bool) -> None:
    if remote:
        publish(repo)
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "update-ref", "refs/castoff/abc/3/HEAD", git(repo, "stash", "create"))
    git(repo, "checkout", "-q", "--", "a.env")
    assert told(repo) == [("a.env", "commit", 3)]


@pytest.mark.parametrize("remote", [True, False])
def test_a_commit_that_only_the_reflog_knows_is_searched(repo: Path, remote: bool) -> None:
    if remote:
        publish(repo)
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "commit", "-qam", "two")
    (repo / "a.env").write_text("harmless\n")
    git(repo, "commit", "-qa", "--amend", "-m", "two again")
    assert told(repo) == [("a.env", "reflog", 3)]
    git(repo, "reflog", "expire", "--expire-unreachable=now", "--all")
    (blob,) = [item.blob for item in find_held(repo) if item.held == "unreachable"]
    assert told(repo) == [(f"object {blob[:12]}", "unreachable", 3)]
    git(repo, "gc", "-q", "--prune=now")
    assert told(repo) == []


def test_a_secret_whose_stash_was_dropped_is_told_until_git_forgets_it(repo: Path, tmp_path: Path) -> None:
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "stash", "-q")
    git(repo, "repack", "-q", "-a", "-d")

    def look() -> list[tuple[str, str]]:
        cache = ScanCache(tmp_path / "cache.json")
        held = find_held(repo, packs=tmp_path / "packs.json", suspects=cache.blobs_with_secrets())
        return [(hit.path, hit.held) for hit in scan_held(repo, held, cache=cache)]

    assert look() == [("a.env", "stash")]
    blob = git(repo, "rev-parse", "stash:a.env")
    git(repo, "stash", "drop", "-q")
    assert look() == look() == [(f"object {blob[:12]}", "unreachable")]
    git(repo, "update-ref", "refs/heads/kept", git(repo, "commit-tree", "-m", "x", git(repo, "write-tree")))
    assert look() == [(f"object {blob[:12]}", "unreachable")]
    git(repo, "gc", "-q", "--prune=now")
    assert look() == []


def test_what_nothing_refers_to_is_read_as_settings_only_if_it_is_that(repo: Path) -> None:
    for name, text in (("x.env", PLANT.data), ("x.py", b"def f(a):\n    return a\n\n\nclass A:\n    b = 1\n")):
        (repo / name).write_bytes(text)
        git(repo, "add", name)
        git(repo, "rm", "-q", "--cached", name)
    assert [held for _, held, _ in told(repo)] == ["unreachable"]


def test_a_commit_is_no_news_once_it_is_pushed(repo: Path) -> None:
    publish(repo)
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "commit", "-qam", "two")
    (repo / "a.env").write_text("nothing\n")
    git(repo, "commit", "-qam", "three")
    assert told(repo) == [("a.env", "commit", 3)]
    git(repo, "push", "-q", "origin", "main")
    assert told(repo) == []


def test_commits_of_a_detached_head_are_searched(repo: Path) -> None:
    publish(repo)
    git(repo, "checkout", "-q", "--detach")
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "commit", "-qam", "two")
    assert told(repo) == [("a.env", "commit", 3)]


def test_without_a_remote_commits_are_no_news(repo: Path) -> None:
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "commit", "-qam", "two")
    assert find_held(repo) == []


def test_before_the_first_commit_the_index_is_searched(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.env").write_bytes(PLANT.data)
    git(tmp_path, "add", "a.env")
    (tmp_path / "a.env").write_text("nothing\n")
    assert told(tmp_path) == [("a.env", "staged", 3)]


def test_many_contents_are_read_in_pieces(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_objects, "_TOGETHER", 600)
    for number in range(12):
        (repo / f"{number:02d}.env").write_bytes(PLANT.data + b"x" * number * 70)
    git(repo, "add", "-A")
    for number in range(12):
        (repo / f"{number:02d}.env").unlink()
    assert told(repo) == [(f"{number:02d}.env", "staged", 3) for number in range(12)]


def test_a_content_is_read_once(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "a.env").write_bytes(PLANT.data)
    git(repo, "add", "a.env")
    (repo / "a.env").unlink()
    first = scan_held(repo, find_held(repo), cache=ScanCache(tmp_path / "cache.json"))
    monkeypatch.delattr(secret_objects, "scan_bytes")
    assert scan_held(repo, find_held(repo), cache=ScanCache(tmp_path / "cache.json")) == first != ()
    assert PLANT.secret.encode() not in (tmp_path / "cache.json").read_bytes()


@pytest.mark.parametrize("how", ["staged", "commit", "object"])
def test_what_git_keeps_of_a_file(repo: Path, how: str) -> None:
    (repo / "s.env").write_bytes(PLANT.data)
    git(repo, "add", "s.env")
    if how == "commit":
        git(repo, "commit", "-qm", "two")
        git(repo, "rm", "-q", "--cached", "s.env")
    if how == "object":
        git(repo, "reset", "-q")
    (item,) = find_versions(repo, "s.env", PLANT.data)
    assert (item.path, item.held) == ("s.env", how)
    assert len(scan_held(repo, [item])) == 1


def test_git_keeps_nothing_of_a_file_that_it_never_saw(repo: Path) -> None:
    assert find_versions(repo, "s.env", PLANT.data) == []


def test_an_object_that_is_not_here_does_not_travel(repo: Path) -> None:
    assert scan_held(repo, [Held("a.env", "0" * 39 + "1", "commit")]) == ()
