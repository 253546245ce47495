import hashlib
import os
import subprocess
import zlib
from pathlib import Path

import pytest

from snapshot.commits import bundle, import_bundle
from snapshot.errors import GitFailed, HostileObjects
from tests.snapshot.repos import run, shallow, start, write

REF = "refs/castoff/abc/3"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tree = tmp_path / 'home "x":\ny'
    start(tree)
    write(tree, "README", "staged\n")
    run(tree, "add", "README")
    return tree


def away(home: Path) -> Path:
    there = home.parent / "away"
    subprocess.run(["cp", "-a", "--", str(home), str(there)], check=True)
    return there


def head(tree: Path) -> str:
    return run(tree, "rev-parse", "HEAD").decode().strip()


def state(tree: Path) -> list[bytes]:
    refs = [line for line in run(tree, "for-each-ref").splitlines() if b"refs/castoff" not in line]
    index, head_file = (tree / ".git/index").read_bytes(), (tree / ".git/HEAD").read_bytes()
    return [*refs, index, head_file, run(tree, "reflog"), b"%d" % (tree / ".git/FETCH_HEAD").exists()]


def test_commits_branches_and_stash_come_home_as_refs_of_ours(home: Path, tmp_path: Path) -> None:
    there, base, before = away(home), head(home), state(home)
    run(there, "commit", "-qm", "by the run")
    run(there, "checkout", "-qb", "side")
    write(there, "side", "s")
    run(there, "add", "side")
    run(there, "commit", "-qm", "on the side")
    write(there, "side", "stashed")
    run(there, "stash")
    assert bundle(there, base, tmp_path / "b") == 4
    imported = import_bundle(home, tmp_path / "b", REF)
    assert imported.commits == 4
    assert [name for name, _ in imported.refs] == [
        f"{REF}/HEAD",
        f"{REF}/heads/main",
        f"{REF}/heads/side",
        f"{REF}/stash",
    ]
    assert imported.refs[0][1] == head(there)
    assert run(home, "show", f"{REF}/heads/side:side") == b"s"
    assert run(home, "fsck", "--strict", "--no-dangling") == b""
    assert state(home) == before
    again = import_bundle(home, tmp_path / "b", REF)
    assert again.refs == imported.refs


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "next\u2028line", "next\x85line"])
def test_a_branch_with_an_odd_name_comes_home(home: Path, tmp_path: Path, name: str) -> None:
    there, base = away(home), head(home)
    run(there, "checkout", "-qb", name)
    run(there, "commit", "-qm", "by the run")
    assert bundle(there, base, tmp_path / "b") == 1
    imported = import_bundle(home, tmp_path / "b", REF)
    assert imported.commits == 1
    assert [commit for _, commit in imported.refs] == [head(there)] * 2


def test_thousands_of_branches(home: Path, tmp_path: Path) -> None:
    there, base = away(home), head(home)
    run(there, "commit", "-qm", "by the run")
    made = b"".join(b"create refs/heads/b%d %s\n" % (number, head(there).encode()) for number in range(5000))
    run(there, "update-ref", "--stdin", stdin=made)
    assert bundle(there, base, tmp_path / "b", known=[base] * 3) == 1
    assert import_bundle(home, tmp_path / "b", REF).commits == 1


def test_nothing_new_is_no_bundle(home: Path, tmp_path: Path) -> None:
    run(home, "branch", "known")
    assert bundle(away(home), head(home), tmp_path / "b") == 0
    assert not (tmp_path / "b").exists()


def test_commits_that_home_has_are_not_sent(home: Path, tmp_path: Path) -> None:
    base = head(home)
    run(home, "commit", "-qm", "on main")
    run(home, "checkout", "-q", "--detach", base)
    known = run(home, "rev-parse", "main").decode().strip()
    there = away(home)
    assert bundle(there, base, tmp_path / "b") == 1
    assert bundle(there, base, tmp_path / "c", known=[known, "f" * 40]) == 0


def test_a_repository_without_commits(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    run(here, "init", "-q")
    there = away(here)
    assert bundle(there, None, tmp_path / "none") == 0
    write(there, "first")
    run(there, "add", "first")
    run(there, "commit", "-qm", "first")
    assert bundle(there, None, tmp_path / "b") == 1
    assert import_bundle(here, tmp_path / "b", REF).commits == 1
    assert run(here, "status", "--porcelain") == b""


def test_a_shallow_repository(tmp_path: Path) -> None:
    here = tmp_path / "here"
    shallow(here)
    there = away(here)
    run(there, "commit", "-qam", "by the run")
    assert bundle(there, head(here), tmp_path / "b") == 1
    assert import_bundle(here, tmp_path / "b", REF).commits == 1


def put(tree: Path, kind: str, content: bytes) -> str:
    """Write an object that git itself would refuse to write."""
    data = f"{kind} {len(content)}\0".encode() + content
    name = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    file = tree / ".git/objects" / name[:2] / name[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(data))
    return name


def hostile_tree(tree: Path, *entries: tuple[str, str, str]) -> None:
    """Commit a tree of (mode, name, object id) on top of HEAD."""
    content = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(blob) for mode, name, blob in entries)
    made = put(tree, "tree", content)
    commit = (
        f"tree {made}\nparent {head(tree)}\nauthor A <a@example.org> 1700000000 +0000\n"
        "committer A <a@example.org> 1700000000 +0000\n\nevil\n"
    )
    name = put(tree, "commit", commit.encode())
    run(tree, "update-ref", "HEAD", name)


@pytest.mark.parametrize(
    "names",
    [["../evil"], [".git"], [".GIT"], ["git~1"], ["a/b"], [".."], ["."], [".g\u200cit"], ["a", "a"], ["b", "a"]],
)
def test_hostile_trees_are_refused(home: Path, tmp_path: Path, names: list[str]) -> None:
    there, base, before = away(home), head(home), state(home)
    blob = put(there, "blob", b"evil\n")
    hostile_tree(there, *(("100644", name, blob) for name in names))
    assert bundle(there, base, tmp_path / "b") == 1
    with pytest.raises(HostileObjects):
        import_bundle(home, tmp_path / "b", REF)
    assert run(home, "for-each-ref", "refs/castoff") == b""
    assert state(home) == before
    plain = subprocess.run(
        ["git", "fetch", "-q", "--no-write-fetch-head", str(tmp_path / "b"), "HEAD:refs/plain"],
        cwd=home,
        capture_output=True,
        check=False,
    )
    assert plain.returncode == 0, "the guard is needed: a plain fetch takes it"


def test_hostile_gitmodules_are_refused(home: Path, tmp_path: Path) -> None:
    there, base = away(home), head(home)
    blob = put(there, "blob", b'[submodule "../../x"]\n\tpath = x\n\turl = -u./payload\n')
    hostile_tree(there, ("100644", ".gitmodules", blob))
    bundle(there, base, tmp_path / "b")
    with pytest.raises(HostileObjects):
        import_bundle(home, tmp_path / "b", REF)


def test_a_flaw_of_the_users_own_history_refuses_nothing(home: Path, tmp_path: Path) -> None:
    blob = put(home, "blob", b"x\n")
    hostile_tree(home, ("0100644", "zero padded", blob))
    there, base = away(home), head(home)
    hostile_tree(there, ("100644", "fine", blob))
    bundle(there, base, tmp_path / "b")
    assert import_bundle(home, tmp_path / "b", REF).commits == 1


@pytest.mark.parametrize("content", [b"", b"nonsense", b"# v2 git bundle\n" + b"0" * 40 + b" HEAD\n\nPACK"])
def test_a_damaged_bundle_is_refused(home: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    before = state(home)
    with pytest.raises((GitFailed, HostileObjects)):
        import_bundle(home, tmp_path / "b", REF)
    assert state(home) == before


def test_hooks_do_not_run(home: Path, tmp_path: Path) -> None:
    there, base = away(home), head(home)
    run(there, "commit", "-qm", "by the run")
    bundle(there, base, tmp_path / "b")
    proof = tmp_path / "proof"
    write(home, ".git/hooks/reference-transaction", f"#!/bin/sh\ntouch {proof}\n").chmod(0o755)
    import_bundle(home, tmp_path / "b", REF)
    assert not proof.exists()
