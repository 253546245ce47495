import json
import os
import subprocess
from pathlib import Path

import pytest

from snapshot import digest as digest_module
from snapshot import secret_tree
from snapshot.allowed import allow, choose, forget, list_allowed
from snapshot.digest import DigestCache
from snapshot.errors import AllowListDamaged, SecretsUnread
from snapshot.secret_tree import ScanCache, changed_paths, scan_tree
from snapshot.secrets import Hit
from tests.snapshot.plants import Plant, plants


def git(tree: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "-q")
    for name in ("kept", "modified", "staged", "both", "deleted", "unwatched", "skipped", "café\n-x"):
        (tree / name).write_text(f"{name}\n")
    (tree / ".gitignore").write_text("ignored*\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "one")
    return tree


def plant() -> Plant:
    return next(plant for plant in plants(seed=11, rounds=1) if plant.kind == "password-env")


def test_only_what_git_has_not_published_is_listed(repo: Path) -> None:
    (repo / "modified").write_text("other")
    (repo / "staged").write_text("other")
    (repo / "both").write_text("other")
    (repo / "added").write_text("new")
    git(repo, "add", "staged", "both", "added")
    (repo / "both").write_text("another")
    (repo / "deleted").unlink()
    (repo / "café\n-x").write_text("other")
    (repo / "ignored").write_text("ignored")
    (repo / "ignored-but-sent").write_text("ignored")
    (repo / "new folder").mkdir()
    (repo / "new folder" / "-untracked").write_text("new")
    (repo / "link").symlink_to("kept")
    expected = {"modified", "staged", "both", "added", "café\n-x", "ignored-but-sent", "new folder/-untracked"}
    assert changed_paths(repo) == tuple(sorted(expected - {"ignored-but-sent"}))
    travels = [*expected, "kept", ".gitignore", "unwatched", "deleted", "vanished", "link", ".git/config"]
    assert changed_paths(repo, travels) == tuple(sorted(expected))
    assert changed_paths(repo, ["kept", "both"]) == ("both",)


def test_files_that_git_was_told_not_to_watch_are_listed(repo: Path) -> None:
    git(repo, "update-index", "--assume-unchanged", "unwatched")
    git(repo, "update-index", "--skip-worktree", "skipped")
    for name in ("unwatched", "skipped"):
        (repo / name).write_text("local secret")
    assert changed_paths(repo) == ("skipped", "unwatched")


def test_before_the_first_commit_all_files_are_listed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    git(tmp_path, "add", "a")
    assert changed_paths(tmp_path) == ("a", "b")


def test_without_a_repository_all_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("a")
    (tmp_path / "l").symlink_to("d/a")
    assert changed_paths(tmp_path) == ("d/a",)


def test_hits_name_file_and_line(tmp_path: Path) -> None:
    one = plant()
    (tmp_path / ".env").write_bytes(one.data)
    (tmp_path / "plain").write_text("nothing")
    (hit,) = scan_tree(tmp_path, [".env", "gone", "plain"])
    assert (hit.path, hit.line) == (".env", 3)


def test_a_file_that_cannot_be_read_is_no_clean_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("a")

    def refuse(*_: object) -> tuple[Hit, ...]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(secret_tree, "scan_file", refuse)
    with pytest.raises(SecretsUnread, match="'a'"):
        scan_tree(tmp_path, ["a"])


def test_the_second_scan_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, file, one = tmp_path / "tree", tmp_path / "cache.json", plant()
    tree.mkdir()
    for name in (".env", "b.env", "c"):
        (tree / name).write_bytes(one.data if name != "c" else b"nothing")
    names = [".env", "b.env", "c"]
    first = scan_tree(tree, names, cache=ScanCache(file))
    scanned: list[str] = []
    scan = secret_tree.scan_file

    def watch(file: str, path: str, where: int) -> tuple[Hit, ...]:
        scanned.append(path)
        return scan(file, path, where)

    monkeypatch.setattr(secret_tree, "scan_file", watch)
    assert scan_tree(tree, names, cache=ScanCache(file)) == first
    assert scanned == []
    # Same size and same time: only the content tells.
    record = (tree / "c").stat()
    (tree / "c").write_bytes(b"Nothing")
    (tree / "c").touch()
    assert (tree / "c").stat().st_size == record.st_size
    scan_tree(tree, names, cache=ScanCache(file))
    assert scanned == ["c"]


def test_what_stands_as_it_stood_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, one = tmp_path / "tree", plant()
    tree.mkdir()
    for name, data in ((".env", one.data), ("c", b"nothing")):
        (tree / name).write_bytes(data)
    read: list[str] = []
    digest = secret_tree.file_digest

    def watch(file: str, size: int, where: int | None) -> str:
        read.append(file)
        return digest(file, size, where)

    monkeypatch.setattr(secret_tree, "file_digest", watch)
    # Times within two seconds of now prove nothing: see `snapshot.digest`.
    monkeypatch.setattr(digest_module, "RACY_NS", -(10**12))

    def look() -> tuple[Hit, ...]:
        digests = DigestCache(tmp_path / "digests.json")
        return scan_tree(tree, [".env", "c"], cache=ScanCache(tmp_path / "cache.json"), digests=digests)

    first = look()
    assert len(first) == 1
    assert read == [".env", "c"]
    assert look() == first
    assert read == [".env", "c"]
    (tree / "c").write_bytes(b"Nothing")
    look()
    assert read == [".env", "c", "c"]


def test_the_cache_is_private_and_holds_no_value(tmp_path: Path) -> None:
    one = plant()
    (tmp_path / ".env").write_bytes(one.data)
    scan_tree(tmp_path, [".env"], cache=ScanCache(tmp_path / "cache.json"))
    assert (tmp_path / "cache.json").stat().st_mode & 0o777 == 0o600
    assert one.secret.encode() not in (tmp_path / "cache.json").read_bytes()


def test_the_cache_is_bounded_and_forgets_what_was_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_tree, "_MOST_KEPT", 3)
    cache = ScanCache(tmp_path / "cache.json")
    for key in "abcd":
        cache.keep(key, ())
    assert cache.find("b", "x") == ()
    cache.save()
    assert set(json.loads((tmp_path / "cache.json").read_bytes())["found"]) == {"b", "c", "d"}


def test_other_rules_ask_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ScanCache(tmp_path / "cache.json")
    cache.keep("a", ())
    cache.save()
    assert ScanCache(tmp_path / "cache.json").find("a", "x") == ()
    monkeypatch.setattr(secret_tree, "rules_digest", lambda: "other")
    assert ScanCache(tmp_path / "cache.json").find("a", "x") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"rules": 1}', b"\xff\0"])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache.json").write_bytes(content)
    assert ScanCache(tmp_path / "cache.json").find("a", "x") is None


def a_hit(fingerprint: str) -> Hit:
    return Hit(path="a.env", line=1, rule="r", description="d", fingerprint=fingerprint)


def test_allowing_is_remembered_and_can_be_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "allowed.json"
    assert list_allowed(file).secrets == {}
    allow(file, [a_hit("aa"), a_hit("bb")], at=1.0)
    secrets = allow(file, [a_hit("aa"), a_hit("cc")], at=2.0).secrets
    assert {name: grant.at for name, grant in secrets.items()} == {"aa": 1.0, "bb": 1.0, "cc": 2.0}
    assert (secrets["cc"].path, secrets["cc"].rule) == ("a.env", "r")
    assert file.stat().st_mode & 0o777 == 0o600
    forget(file, ["aa", "zz"])
    assert list_allowed(file).secrets.keys() == {"bb", "cc"}


def test_a_damaged_list_allows_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "allowed.json").write_text("{")
    with pytest.raises(AllowListDamaged):
        list_allowed(tmp_path / "allowed.json")


def test_a_prefix_chooses_only_if_it_is_long_enough() -> None:
    hit = a_hit("0123456789abcdef0123456789abcdef")
    assert choose([hit], ["01234567"]) == [hit]
    assert choose([hit], ["0123456", "", "76543210"]) == []


def test_a_name_that_is_not_utf8_is_told_and_remembered(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.env")
    (tmp_path / name).write_bytes(plant().data)
    for _ in range(2):
        (hit,) = scan_tree(tmp_path, [name], cache=ScanCache(tmp_path / "cache.json"))
        assert hit.path == name
        assert Hit.model_validate_json(hit.model_dump_json()) == hit
