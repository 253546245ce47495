import hashlib
import os
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from snapshot.capture import capture
from snapshot.commits import bundle, bundle_all, import_bundle, import_inner, what_left
from snapshot.errors import GitFailed, HostileObjects
from tests.snapshot.repos import run, shallow, start, stashed, worktree_inside, write
from tests.snapshot.states import partial, partial_sparse

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


def test_tags_and_older_stashes_come_home_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    stashed(home)
    run(home, "tag", "light-before", "stash@{1}")
    (left,) = what_left(capture(home))
    there, before = away(home), state(home)
    for text in ("three", "four"):
        write(there, "README", text)
        run(there, "stash")
    run(there, "tag", "-am", "of a known commit", "annotated")
    run(there, "commit", "-qm", "by the run", "--allow-empty")
    run(there, "tag", "light")
    named = run(there, "for-each-ref")
    assert bundle(there, left.head, tmp_path / "b", known=left.known) > 0
    assert run(there, "for-each-ref") == named, "what was named for the bundle is unnamed again"
    imported = import_bundle(home, tmp_path / "b", REF)
    assert [name.removeprefix(f"{REF}/") for name, _ in imported.refs] == [
        *("HEAD", "heads/main", "stash", "stashes/1", "tags/annotated", "tags/light")
    ]
    assert run(home, "show", f"{REF}/stash:README") == b"four"
    assert run(home, "show", f"{REF}/stashes/1:README") == b"three"
    assert run(home, "cat-file", "-t", f"{REF}/tags/annotated") == b"tag\n"
    assert state(home) == before


def test_a_tag_alone_comes_home(home: Path, tmp_path: Path) -> None:
    there, base = away(home), head(home)
    run(there, "tag", "-am", "words", "v1")
    assert bundle(there, base, tmp_path / "b") == 1
    imported = import_bundle(home, tmp_path / "b", REF)
    assert (imported.commits, [name for name, _ in imported.refs]) == (0, [f"{REF}/tags/v1"])


def test_linked_worktrees_have_refs_of_their_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    worktree_inside(home)
    manifest = capture(home)
    there = away(home)
    home.rename(tmp_path / "original")
    there.rename(home)  # a worktree knows its repository by its path
    for name in (".", "trees/side"):
        run(home / name, "checkout", "-q", "--detach")
        run(home / name, "commit", "-q", "--allow-empty", "-m", f"in {name}")
    folder = tmp_path / "bundles"
    folder.mkdir()
    assert bundle_all(home, what_left(manifest), folder) == 2
    home.rename(there)
    (tmp_path / "original").rename(home)
    own = import_bundle(home, folder / "commits.bundle", REF)
    (inner,) = import_inner(home, manifest, folder, REF)
    assert [name for name, _ in (*own.refs, *inner.refs)] == [f"{REF}/HEAD", f"{REF}/worktree-1/HEAD"]
    assert run(home, "log", "-1", "--format=%s", f"{REF}/HEAD") == b"in .\n"
    assert run(home, "log", "-1", "--format=%s", f"{REF}/worktree-1/HEAD") == b"in trees/side\n"


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


def test_commits_in_a_partial_clone_beside_files_that_were_never_fetched(tmp_path: Path) -> None:
    here = tmp_path / "here"
    partial_sparse(here)
    there = away(here)
    (tmp_path / "here.origin").rename(tmp_path / "gone")
    write(there, "docs/new.txt")
    run(there, "add", "docs/new.txt")
    run(there, "commit", "-qm", "by the run")
    assert b"?" in run(there, "rev-list", "--objects", "--missing=print", "HEAD")
    assert bundle(there, head(here), tmp_path / "b") == 1
    assert import_bundle(here, tmp_path / "b", REF).commits == 1
    (tmp_path / "gone").rename(tmp_path / "here.origin")
    assert run(here, "fsck", "--no-dangling") == b""
    assert run(here, "show", f"{REF}/HEAD:docs/new.txt") == b"text\n"
    assert run(here, "show", f"{REF}/HEAD:docs/1.bin") == b"binary 1\n", "fetched when it is asked for"


@pytest.mark.parametrize("names", [["../evil"], [".git"], ["b", "a"]])
def test_hostile_trees_are_refused_in_a_partial_clone_too(tmp_path: Path, names: list[str]) -> None:
    here = tmp_path / "here"
    partial(here)
    there = away(here)
    blob = put(there, "blob", b"evil\n")
    hostile_tree(there, *(("100644", name, blob) for name in names))
    assert bundle(there, head(here), tmp_path / "b") == 1
    with pytest.raises(HostileObjects):
        import_bundle(here, tmp_path / "b", REF)
    assert run(here, "for-each-ref", "refs/castoff") == b""


@pytest.mark.parametrize("build", [start, partial])
def test_commits_that_lack_objects_which_nobody_promised_are_refused(
    tmp_path: Path, build: Callable[[Path], None]
) -> None:
    here = tmp_path / "here"
    build(here)
    there = away(here)
    blob, base = put(there, "blob", b"never sent\n"), head(here)
    hostile_tree(there, ("100644", "file", blob))
    sent = b"".join(run(there, "rev-parse", name) for name in ("HEAD", "HEAD^{tree}"))
    pack = run(there, "pack-objects", "--stdout", "-q", stdin=sent)
    (tmp_path / "b").write_bytes(f"# v2 git bundle\n-{base} \n{head(there)} refs/heads/main\n\n".encode() + pack)
    with pytest.raises((GitFailed, HostileObjects)):
        import_bundle(here, tmp_path / "b", REF)
    assert run(here, "for-each-ref", "refs/castoff") == b""


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


def test_the_same_commits_give_the_same_bundle(home: Path, tmp_path: Path) -> None:
    """Enough of them that git's own threads would share the work, and end otherwise each time."""
    dice, there = Random(1), away(home)
    common = [f"{dice.random()}" for _ in range(60)]
    for number in range(300):
        changed = {dice.randrange(60): f"{dice.random()}" for _ in range(5)}
        write(there, f"many/{number}", "\n".join(changed.get(place, line) for place, line in enumerate(common)))
    run(there, "add", "many")
    run(there, "commit", "-qm", "many")
    # Where there is one processor git takes one thread by itself.
    run(there, "config", "pack.threads", "8")
    made: set[bytes] = set()
    for _ in range(4):
        bundle(there, head(home), tmp_path / "b")
        made.add(hashlib.sha256((tmp_path / "b").read_bytes()).digest())
    assert len(made) == 1
