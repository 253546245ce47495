"""What a repository needs outside its folder: found, named, looked at, captured; and what of it cannot travel."""

import json
import os
import time
from pathlib import Path

import pytest

from snapshot.capture import capture
from snapshot.companion_scan import CompanionScan
from snapshot.companions import Need, find_companions
from snapshot.digest import DigestCache
from snapshot.errors import ManifestDamaged, SnapshotRefused, TreeChanged
from snapshot.filters import companion_filters
from snapshot.git import unquote_path
from snapshot.manifest import Companion, Manifest, dump_manifest, parse_manifest
from snapshot.repository import Directory
from snapshot.scan import scan
from snapshot.selection import EVERYTHING
from snapshot.strangers import find_strangers
from snapshot.survey import survey
from snapshot.verify import verify
from snapshot.walk import Found
from tests.snapshot.companion_states import bare_around, bare_beside, chained, linked, linked_changed, shared
from tests.snapshot.fingerprint import look
from tests.snapshot.repos import rsync, run, start, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "around").mkdir()
    return tmp_path / "around" / "tree"


def refused(tree: Path) -> list[str]:
    return [refusal.code for refusal in survey(tree).refusals]


def companions(tree: Path) -> dict[str, Companion]:
    return {Path(each.at).relative_to(tree.parent).as_posix(): each for each in capture(tree).companions}


def test_a_linked_worktree_needs_the_common_directory_only(tree: Path) -> None:
    linked(tree)
    before = look(tree.parent / "tree.main repository")
    (only,) = companions(tree).items()
    assert only[0] == "tree.main repository/.git" and only[1].inside == ".git" and only[1].also == ()
    assert {".git", ".git/HEAD", ".git/worktrees/tree/HEAD"} <= {entry.path for entry in only[1].entries}
    assert look(tree.parent / "tree.main repository") == before


def test_a_chain_of_lenders_is_followed_to_its_end(tree: Path) -> None:
    chained(tree)
    assert {name: each.inside for name, each in companions(tree).items()} == {
        "tree.first/.git/objects": ".git/objects",
        "tree.second/.git/objects": ".git/objects",
    }


def test_lenders_that_lend_from_each_other_end(tree: Path) -> None:
    start(tree)
    start(tree.parent / "a")
    lists = {tree: tree.parent / "a", tree.parent / "a": tree}
    for borrower, lender in lists.items():
        write(borrower, ".git/objects/info/alternates", f"# a remark\n\n/not/there\n{lender}/.git/objects\n")
    assert list(companions(tree)) == ["a/.git/objects"]


def test_a_quoted_lender_is_found(tree: Path) -> None:
    start(tree.parent / 'a "lender"\nof é')
    start(tree)
    at = tree.parent / 'a "lender"\nof é' / ".git/objects"
    quoted = str(at).replace('"', '\\"').replace("\n", "\\n").encode().replace("é".encode(), b"\\303\\251")
    write(tree, ".git/objects/info/alternates", b'"' + quoted + b'"\n')
    assert list(companions(tree)) == ['a "lender"\nof é/.git/objects']


def test_a_name_through_a_link_is_kept(tree: Path) -> None:
    shared(tree)
    (only,) = companions(tree).values()
    assert only.at == str(tree.parent / "tree.lender/.git/objects")
    assert only.also == (str(tree.parent / "link/.git/objects"),)


def test_a_name_through_a_link_in_the_folder_is_none(tree: Path) -> None:
    start(tree)
    start(tree.parent / "lender")
    (tree / "link").symlink_to("../lender")
    write(tree, ".git/objects/info/alternates", f"{tree}/link/.git/objects\n")
    (only,) = companions(tree).values()
    assert only.also == ()


def test_a_name_that_cannot_be_shown_is_refused(tree: Path) -> None:
    linked(tree)
    (tree.parent / "deep").mkdir()
    (tree.parent / "deep/link").symlink_to(tree.parent / "tree.main repository/.git/worktrees/tree")
    write(tree, ".git", f"gitdir: {tree.parent}/deep/link\n")
    assert refused(tree) == ["git-elsewhere"]


def test_a_home_directory_never_travels_whole(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_around(tree)
    monkeypatch.setenv("HOME", str(tree.parent))
    assert refused(tree) == ["git-elsewhere"]


def test_worktrees_in_a_bare_repository_stay(tree: Path) -> None:
    bare_around(tree)
    (only,) = capture(tree).companions
    assert only.at == str(tree.parent)
    tops = {entry.path.split("/")[1] for entry in only.entries if "/" in entry.path}
    assert not {"tree", "feature"} & tops and "HEAD" in tops
    assert set(companion_filters(only).split(b"\0")) >= {b"/tree", b"/feature"}


def test_others_worktrees_are_told_and_pointed_at(tree: Path) -> None:
    linked_changed(tree)
    main = tree.parent / "tree.main repository"
    told = {kept.what for kept in survey(tree).stays if "another worktree" in kept.why}
    assert told == {str(main), f"{tree}.third", f"{tree}.fourth"}
    run(main, "worktree", "remove", "--force", f"{tree}.fourth")
    (tree.parent / "tree.third/.git").write_text("no pointer\n")
    assert capture(tree).pointers == ()
    text = f"gitdir: {main}/.git/worktrees/tree.third\n"
    (tree.parent / "tree.third/.git").write_text(text)
    assert [(each.at, each.text) for each in capture(tree).pointers] == [(f"{tree}.third/.git", text)]


@pytest.mark.parametrize("where", ["config", "../.bare/more"])
def test_credentials_beside_the_tree_stay(where: str, tree: Path, tmp_path: Path) -> None:
    bare_beside(tree)
    bare = tree.parent / ".bare"
    write(bare, where, '[remote "o"]\n\turl = https://ann:a-token@example.org/x\n')
    if where != "config":
        write(bare, "config", (bare / "config").read_text() + f"[include]\n\tpath = {where}\n")
    manifest = capture(tree, companions_overlay=tmp_path / "over")
    (only,) = manifest.companions
    overlay = tmp_path / "over" / only.key / Path(where).name
    assert "https://example.org/x" in overlay.read_text() and "a-token" not in overlay.read_text()
    assert [kept.what for kept in survey(tree).stays if kept.what.startswith("credentials")] == [
        f"credentials in {bare}/{Path(where).name}"
    ]
    (tmp_path / "there").mkdir()
    rsync(bare, tmp_path / "there" / only.inside, b"", tmp_path / "over" / only.key)
    assert verify(tmp_path / "there", only.manifest) == ()


def test_what_stands_in_the_way_there_is_refused(tree: Path) -> None:
    linked(tree)
    own = tree.parent / "tree.main repository/.git"
    write(own, "index.lock")
    (own / "info/link").symlink_to("/etc/hostname")
    (own / "hooks/link").symlink_to("/etc/hostname")
    found = survey(tree)
    assert [refusal.code for refusal in found.refusals] == ["git-locked", "git-outside"]
    assert all(refusal.sentence.startswith(f"In {str(own)!r}: ") for refusal in found.refusals)
    assert f"{own}/hooks/link" in {kept.what for kept in found.stays}


def test_a_change_beside_the_tree_is_a_change(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(tree)
    real = DigestCache.beside

    def change(cache: DigestCache, name: str) -> DigestCache:
        write(tree.parent / "tree.main repository/.git", "HEAD", "ref: refs/heads/other\n")
        return real(cache, name)

    monkeypatch.setattr(DigestCache, "beside", change)
    with pytest.raises(TreeChanged):
        capture(tree, cache=DigestCache(tree.parent / "digests.json"))


def test_each_companion_has_a_cache_of_its_own(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chained(tree)
    monkeypatch.setattr("snapshot.digest.RACY_NS", 0)
    first = capture(tree, cache=DigestCache(tree.parent / "digests.json"))
    kept = {file.name for file in tree.parent.glob("digests-*.json")}
    assert kept == {f"digests-{each.key}.json" for each in first.companions}
    assert capture(tree, cache=DigestCache(tree.parent / "digests.json")) == first


def test_a_manifest_holds_its_companions(tree: Path) -> None:
    linked_changed(tree)
    manifest = capture(tree)
    data = dump_manifest(manifest)
    assert parse_manifest(data) == manifest
    assert manifest.all_files > manifest.files and manifest.all_size > manifest.size
    (only,) = manifest.companions
    digest = next(entry.digest for entry in only.entries if entry.path == ".git/HEAD").encode()
    with pytest.raises(ManifestDamaged):
        parse_manifest(data.replace(digest, digest[::-1]))


def test_a_size_counts_what_travels_beside(tree: Path) -> None:
    linked(tree)
    seen = survey(tree)
    assert (seen.files, seen.size) == (capture(tree).all_files, capture(tree).all_size)
    assert seen.beside == (str(tree.parent / "tree.main repository/.git"),)


def test_what_cannot_be_read_there_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linked(tree)
    closed = tree.parent / "tree.main repository/.git/description"
    real = os.access

    def access(path: str, mode: int, **named: bool) -> bool:
        return not str(path).endswith("/description") and real(path, mode, **named)

    monkeypatch.setattr(os, "access", access)
    monkeypatch.setattr(os, "geteuid", lambda: closed.stat().st_uid + 1)
    with pytest.raises(SnapshotRefused, match="description"):
        capture(tree)


def test_strangers_in_a_bare_repository() -> None:
    names = [".env", "HEAD", "MERGE_HEAD", "refs/heads/.env", "notes/x", "config", "sharedindex.0a"]
    assert find_strangers("/home/ann/proj.git", names) == [".env", "notes/x"]
    assert find_strangers("/home/ann/proj/.git", names) == []


@pytest.mark.parametrize(("said", "path"), [(b"/x", b"/x"), (rb'"a \"\303\251\n\\"', b'a "\xc3\xa9\n\\'), (b'"', b'"')])
def test_a_path_as_git_prints_it(said: bytes, path: bytes) -> None:
    assert unquote_path(said) == path


def test_a_directory_that_is_gone_is_refused(tree: Path) -> None:
    tree.mkdir()
    need = Need(".git", Directory(tree.parent / "gone", tree.parent / "gone"))
    found, refusals = find_companions(tree, [need])
    assert found == [] and [each.sentence for each in refusals] == [
        f"The repository '.git' needs '{tree.parent}/gone', which is not there."
    ]


@pytest.mark.parametrize("text", ["gitdir: a\0b\n", "gitdir: " + "x" * (1 << 14) + "\n", "no pointer\n"])
def test_what_is_no_git_file_is_no_pointer(text: str, tree: Path) -> None:
    linked_changed(tree)
    (tree.parent / "tree.third/.git").write_text(text)
    assert [each.at for each in capture(tree).pointers] == [f"{tree}.fourth/.git"]


def test_worktrees_by_relative_names_twice_or_none(tree: Path) -> None:
    linked_changed(tree)
    registered = tree.parent / "tree.main repository/.git/worktrees"
    (registered / "tree.third/gitdir").write_text("../../../../tree.third/.git\r\n")
    for name, text in (("again", f"{tree}.third/.git\n"), ("empty", "\n")):
        write(registered / name, "gitdir", text)
    (registered / "folder/gitdir").mkdir(parents=True)
    (scan,) = survey_companions(tree)
    assert scan.beside.working == (Path(f"{tree}.third"), Path(f"{tree}.fourth"))


def test_a_repository_that_is_its_own_worktree_travels(tree: Path) -> None:
    bare_beside(tree)
    bare = tree.parent / ".bare"
    write(bare, "worktrees/own/gitdir", f"{bare}/.git\n")
    (scan,) = survey_companions(tree)
    assert scan.beside.stays == frozenset() and scan.beside.holds(bare / "HEAD")


def test_what_lies_in_a_worktree_that_stays_is_a_companion_of_its_own(tree: Path) -> None:
    bare_around(tree)
    lender = tree.parent / "feature/lender"
    start(lender)
    write(tree.parent, "objects/info/alternates", f"{lender}/.git/objects\n")
    assert {name: each.inside for name, each in companions(tree).items()} == {
        ".": ".git",
        "feature/lender/.git/objects": ".git/objects",
    }


def test_a_tree_reached_by_a_link_names_what_is_in_it_either_way(tree: Path) -> None:
    start(tree)
    start(tree.parent / "lender")
    (tree / "link").symlink_to("../lender")
    (tree.parent / "door").symlink_to("tree")
    for named in ("door", "tree"):
        write(tree, ".git/objects/info/alternates", f"{tree.parent}/{named}/link/.git/objects\n")
        (scan,) = survey_companions(tree.parent / "door")
        assert scan.beside.also == () and scan.refusals == []


def test_sockets_beside_the_tree_stay_and_what_cannot_be_listed_is_refused(tree: Path) -> None:
    linked(tree)
    own = tree.parent / "tree.main repository/.git"
    os.mkfifo(own / "pipe")
    (only,) = capture(tree).companions
    assert ".git/pipe" not in {entry.path for entry in only.entries}
    deep = os.open(own, os.O_DIRECTORY)
    for _ in range(70):
        os.mkdir("d" * 250, dir_fd=deep)
        deep, above = os.open("d" * 250, os.O_DIRECTORY, dir_fd=deep), deep
        os.close(above)
    os.close(deep)
    assert refused(tree) == ["unreadable"]


def test_a_companion_has_the_folders_above_it_and_its_own_mode(tree: Path) -> None:
    chained(tree)
    (tree.parent / "tree.first/.git/objects").chmod(0o750)
    only = companions(tree)["tree.first/.git/objects"]
    assert [(entry.path, entry.type) for entry in only.entries[:2]] == [(".git", "dir"), (".git/objects", "dir")]
    assert only.entries[1].mode == 0o750


def test_a_file_beside_the_tree_that_changes_within_a_clock_tick_is_read_again(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(tree)
    head = tree.parent / "tree.main repository/.git/HEAD"
    inode = head.stat().st_ino

    def answer(_: DigestCache, found: list[Found]) -> list[str | None]:
        return ["ab" * 32 if path == "HEAD" and own.st_ino == inode else None for path, own in found]

    monkeypatch.setattr(DigestCache, "find_all", answer)
    later = time.time_ns() + 10**12
    os.utime(head, ns=(later, later))
    with pytest.raises(TreeChanged, match="HEAD"):
        capture(tree, cache=DigestCache(tree.parent / "digests.json"))


@pytest.mark.parametrize("what", ["at", "also", "inside", "twice"])
def test_a_list_of_companions_that_was_changed_is_none(what: str, tree: Path) -> None:
    shared(tree)
    page = json.loads(dump_manifest(capture(tree)))
    (each,) = page["companions"]
    match what:
        case "at":
            each["at"] += "x"
        case "also":
            each["also"] = []
        case "inside":
            each["inside"] = ".git"
        case _:
            page["digest"] = ""
            each["entries"].append(each["entries"][-1])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Manifest, "digest", "")
                with pytest.raises(ManifestDamaged):
                    parse_manifest(json.dumps(page).encode())
            return
    with pytest.raises(ManifestDamaged):
        parse_manifest(json.dumps(page).encode())


def survey_companions(tree: Path) -> list[CompanionScan]:
    return scan(tree, EVERYTHING).companions
