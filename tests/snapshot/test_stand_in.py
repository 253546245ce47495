"""A base is made in a moment, whatever lies in the folder; a change of what it does not hold is told all the same."""

import os
from pathlib import Path

import pytest

from snapshot import stand_in
from snapshot.base import record_base
from snapshot.diff import NOT_KEPT, diff
from snapshot.selection import EVERYTHING
from snapshot.start import PACK, pack_start, take_start
from snapshot.store import LARGE
from tests.snapshot.repos import run, write

ODD = 'un\'kept\n"name".bin'


@pytest.fixture(params=["repository", "folder", "inner repository"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A project with a large file that is in no repository, and small ones."""
    tree = tmp_path / "tree"
    write(tree, "committed.txt", "one\n")
    if request.param != "folder":
        run(tree, "init", "-q")
        run(tree, "add", "-A")
        run(tree, "commit", "-qm", "x")
    if request.param == "inner repository":
        run(tree, "init", "-q", "inner")
        write(tree, "inner/own.txt", "one\n")
        run(tree / "inner", "add", "-A")
        run(tree / "inner", "commit", "-qm", "x")
        fill(tree / "inner/model.bin", LARGE + 1)
    write(tree, "small.txt", "one\n")
    write(tree, "run.sh", "#!/bin/sh\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to(ODD)
    fill(tree / ODD, LARGE + 7)
    return tree


def fill(file: Path, size: int, letter: bytes = b"x") -> None:
    """Bytes that do not become fewer when they are packed would take long; these need room when they are kept."""
    with file.open("wb") as out:
        out.write(os.urandom(64) + letter)
        out.truncate(size)


def notes(tree: Path, store: Path, base: str) -> dict[str, tuple[str, str]]:
    """What changed, by path: how, and what is said of it."""
    return {each.path: (each.change, each.note) for each in diff(tree, store, base).files}


def kept(tree: Path, store: Path) -> int:
    """Bytes of the largest object that the store holds of itself."""
    own = ("--batch-all-objects", "--batch-check=%(objectsize)")
    return max(map(int, run(store, "cat-file", *own).split()))


def test_a_large_file_is_not_read_and_its_changes_are_told(tree: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    base = record_base(tree, store)
    assert record_base(tree, store) == base
    assert kept(tree, store) < 1000
    assert notes(tree, store, base) == {}
    fill(tree / ODD, LARGE + 7, b"y")
    write(tree, "small.txt", "two\n")
    assert notes(tree, store, base) == {ODD: ("modified", "too large to compare"), "small.txt": ("modified", "")}
    (tree / ODD).write_text("now it is small\n")
    assert notes(tree, store, base)[ODD] == ("modified", "too large to compare")
    (tree / ODD).unlink()
    assert notes(tree, store, base)[ODD] == ("deleted", "too large to compare")
    fill(tree / "more.bin", LARGE + 1)
    assert notes(tree, store, base)["more.bin"] == ("added", "too large to compare")
    assert kept(tree, store) < 1000


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_FILES"])
def test_of_many_files_the_smallest_are_kept(
    tree: Path, tmp_path: Path, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    monkeypatch.setattr(stand_in, limit, 4 if limit == "MOST_FILES" else 100)
    for number in range(9):
        write(tree, f"many/{number}.txt", f"{number}\n" * 20)
    base = record_base(tree, store)
    assert notes(tree, store, base) == {}
    for number in range(9):
        write(tree, f"many/{number}.txt", f"{number}\n" * 30)
    write(tree, "small.txt", "two\n")
    changed = notes(tree, store, base)
    assert len(changed) == 10
    assert changed["small.txt"] == ("modified", "")
    assert ("modified", NOT_KEPT) in changed.values()


@pytest.mark.parametrize(("before", "after"), [(3, 10_000), (10_000, 3)])
def test_what_is_kept_one_time_only_has_not_changed(
    tree: Path, tmp_path: Path, before: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for number in range(9):
        write(tree, f"many/{number}\n.txt", f"{number}\n" * 20)
    monkeypatch.setattr(stand_in, "MOST_BYTES", before)
    base = record_base(tree, here)
    packed = pack_start(tree, here, base, EVERYTHING, ())
    assert packed.pack is not None
    there.mkdir()
    (there / PACK).write_bytes(packed.pack)
    assert take_start(tree, there, base)
    monkeypatch.setattr(stand_in, "MOST_BYTES", after)
    record_base(tree, there)
    assert notes(tree, there, base) == {}
    write(tree, "many/3\n.txt", "changed\n")
    fill(tree / ODD, LARGE + 8)
    changed = notes(tree, there, base)
    assert set(changed) == {"many/3\n.txt", ODD}


def test_a_large_file_that_is_committed_and_changed_is_not_kept(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    tree.mkdir()
    run(tree, "init", "-q")
    fill(tree / "model.bin", LARGE + 1)
    run(tree, "add", "-A")
    run(tree, "commit", "-qm", "x")
    clean = record_base(tree, store)
    fill(tree / "model.bin", LARGE + 1, b"y")
    assert notes(tree, store, clean) == {"model.bin": ("modified", "too large to compare")}
    assert kept(tree, store) < 1000
    run(tree, "checkout", "--", "model.bin")
    assert notes(tree, store, clean) == {}


def test_where_the_list_is_damaged_it_is_made_anew(tree: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    base = record_base(tree, store)
    (store / "castoff-not-kept.json").write_text("[1")
    assert record_base(tree, store) == base
    (store / "castoff-not-kept.json").unlink()
    assert notes(tree, store, base) == {}
