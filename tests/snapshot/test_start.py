"""What a session began with goes to another store, so that a diff there counts from the start; and what never goes."""

import subprocess
from pathlib import Path

import pytest

from snapshot import start as start_module
from snapshot.base import record_base
from snapshot.diff import diff
from snapshot.errors import GitFailed, StartStays
from snapshot.selection import EVERYTHING, Selection
from snapshot.start import PACK, held_start, pack_start, take_start
from tests.snapshot.repos import run, write


@pytest.fixture(params=["repository", "folder"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project as a session found it: committed, changed and untracked files."""
    tree = tmp_path / "tree"
    tree.mkdir()
    write(tree, "committed.txt", "one\n")
    write(tree, "src/deep/changed.txt", "one\n")
    if request.param == "repository":
        run(tree, "init", "-q")
        run(tree, "add", "-A")
        run(tree, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")
    write(tree, "src/deep/changed.txt", "two\n")
    write(tree, "un'tracked\n.txt", "one\n")
    write(tree, "scratch/private.txt", "mine\n")
    return tree


def send(tree: Path, there: Path, base: str, selection: Selection = EVERYTHING, without: tuple[str, ...] = ()) -> str:
    """Pack it and take it in the store ``there``; the id that diffs count from."""
    packed = pack_start(tree, tree.parent / "here", base, selection, without)
    assert packed.pack is not None
    there.mkdir(exist_ok=True)
    (there / PACK).write_bytes(packed.pack)
    assert take_start(tree, there, packed.tree_id)
    assert not (there / PACK).exists()
    return packed.tree_id


def test_a_diff_elsewhere_counts_from_the_start(tree: Path, tmp_path: Path) -> None:
    base = record_base(tree, tmp_path / "here")
    write(tree, "src/deep/changed.txt", "three\n")
    (tree / "un'tracked\n.txt").unlink()
    handoff = record_base(tree, tmp_path / "there")
    start = send(tree, tmp_path / "there", base)
    write(tree, "new.txt")
    since_start = {each.path: each.text for each in diff(tree, tmp_path / "there", start).files}
    assert set(since_start) == {"src/deep/changed.txt", "un'tracked\n.txt", "new.txt"}
    assert "-two\n+three" in since_start["src/deep/changed.txt"]
    assert [each.path for each in diff(tree, tmp_path / "there", handoff).files] == ["new.txt"]


@pytest.mark.parametrize(
    ("selection", "without"),
    [
        (Selection(exclude=("scratch/",)), ()),
        (Selection(leave=("scratch",)), ()),
        (Selection(leave=("scratch/private.txt",)), ()),
        (EVERYTHING, ("scratch/private.txt",)),
    ],
)
def test_what_stays_is_in_no_pack(tree: Path, tmp_path: Path, selection: Selection, without: tuple[str, ...]) -> None:
    base = record_base(tree, tmp_path / "here")
    start = send(tree, tmp_path / "there", base, selection, without)
    assert b"private" not in run(tmp_path / "there", "ls-tree", "-r", "--name-only", start)
    blob = run(tmp_path / "here", "rev-parse", f"{base}:scratch/private.txt").decode().strip()
    run(tmp_path / "here", "cat-file", "-e", blob)
    with pytest.raises(subprocess.CalledProcessError):
        run(tmp_path / "there", "cat-file", "-e", blob)


def test_what_looks_like_a_secret_never_goes_even_if_it_is_gone_by_now(tree: Path, tmp_path: Path) -> None:
    write(tree, "notes.txt", 'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"\n')
    base = record_base(tree, tmp_path / "here")
    (tree / "notes.txt").unlink()
    with pytest.raises(StartStays, match=r"in it, 'notes\.txt' looks like a secret"):
        pack_start(tree, tmp_path / "here", base, EVERYTHING, ())
    assert pack_start(tree, tmp_path / "here", base, Selection(leave=("notes.txt",)), ()).pack


def test_much_is_not_sent(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tree, "large", "\0" * 1_900_000)
    base = record_base(tree, tmp_path / "here")
    monkeypatch.setattr(start_module, "LARGEST", 1_500_000)
    with pytest.raises(StartStays, match=r"1\.9 MB of it are in no repository, and 1\.5 MB at most"):
        pack_start(tree, tmp_path / "here", base, EVERYTHING, ())


def test_what_is_held_there_is_not_packed_again(tree: Path, tmp_path: Path) -> None:
    base = record_base(tree, tmp_path / "here")
    there = tmp_path / "there"
    assert held_start(there) == ""
    start = send(tree, there, base)
    assert held_start(there) == start
    assert pack_start(tree, tmp_path / "here", base, EVERYTHING, (), held_start(there)) == (start, None)
    assert pack_start(tree, tmp_path / "here", base, Selection(leave=("scratch",)), (), held_start(there)).pack
    assert take_start(tree, there, start) and held_start(there) == start
    rest = next((there / "objects").glob("??/*"))
    rest.unlink()
    assert not take_start(tree, there, start)
    assert held_start(there) == "", "it is sent again"


def test_a_store_that_lost_it_says_so(tree: Path, tmp_path: Path) -> None:
    record_base(tree, tmp_path / "here")
    with pytest.raises(GitFailed):
        pack_start(tree, tmp_path / "here", "0123456789" * 4, EVERYTHING, ())


def test_a_start_that_is_not_whole_is_told(tree: Path, tmp_path: Path) -> None:
    base = record_base(tree, tmp_path / "here")
    write(tmp_path / "other", "file")
    other = pack_start(
        tmp_path / "other", tmp_path / "o", record_base(tmp_path / "other", tmp_path / "o"), EVERYTHING, ()
    )
    assert other.pack is not None
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / PACK).write_bytes(other.pack)
    assert not take_start(tree, tmp_path / "there", base)
