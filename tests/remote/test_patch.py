"""A few changes in one request make one tree of another; a tree that is another one is left to rsync."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from remote import patch
from remote.patch import Changes, apply_changes, pack_changes
from snapshot.capture import capture
from snapshot.delta import find_steps, stated_digest
from snapshot.errors import ManifestDamaged, SnapshotError
from snapshot.manifest import Manifest, write_manifest
from snapshot.verify import verify


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    for folder in ("a/deep/er", "gone/with/all"):
        (tree / folder).mkdir(parents=True)
    for name in ("a/one", "a/deep/er/two", "gone/with/all/in it", "new\nline", "touched", "mode", "kind", "-dash"):
        (tree / name).write_text(f"{name}\n")
    (tree / os.fsdecode(b"caf\xe9")).write_text("odd")
    (tree / "link").symlink_to("nowhere")
    git(tree, "init", "-q")
    git(tree, "add", "a")
    return tree


def change(tree: Path) -> None:
    """Every kind of change."""
    (tree / "a/one").write_text("changed")
    (tree / os.fsdecode(b"caf\xe9")).write_bytes(b"\0\xff")
    (tree / "new\nline").unlink()
    shutil.rmtree(tree / "gone")
    os.utime(tree / "touched", ns=(10**18, 10**18 + 123456789))
    (tree / "mode").chmod(0o755)
    (tree / "kind").unlink()
    (tree / "kind/of/folder").mkdir(parents=True)
    (tree / "kind/of/folder/file").touch()
    (tree / "link").unlink()
    (tree / "link").symlink_to(os.fsdecode(b"\xff/elsewhere"))
    shutil.rmtree(tree / "a/deep")
    (tree / "a/deep").write_text("a file now")
    (tree / "empty").mkdir(mode=0o750)
    git(tree, "add", "--all")


def git(tree: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True)


def pack(tree: Path, earlier: Manifest, now: Manifest, without: tuple[str, ...] = ()) -> Changes | None:
    file = tree.with_name("earlier.json")
    write_manifest(file, earlier)
    return pack_changes(find_steps(file, now, without), tree, None)


def move(tree: Path, alter: Callable[[Path], None] = change, without: tuple[str, ...] = ()) -> tuple[Path, Manifest]:
    """Make the host's copy of ``tree``, change ``tree``, and carry the changes over as a request does."""
    there = tree.with_name("there")
    shutil.copytree(tree, there, symlinks=True)
    earlier = capture(tree)
    for path in without:
        (there / path).unlink()
    alter(tree)
    now = capture(tree)
    packed = pack(tree, earlier, now, without)
    assert packed is not None
    apply_changes(there, Changes.model_validate_json(packed.model_dump_json()))
    return there, now


def test_every_kind_of_change_arrives(tree: Path) -> None:
    there, now = move(tree)
    assert verify(there, now) == ()
    # Git prunes old objects that nothing names yet: theirs is the time that they have here.
    objects = [file.relative_to(tree) for file in (tree / ".git/objects").glob("??/*")]
    assert len(objects) > 4
    assert all((there / each).stat().st_mtime_ns == (tree / each).stat().st_mtime_ns for each in objects)


def test_what_the_host_lacks_is_sent_though_it_has_not_changed(tree: Path) -> None:
    there, now = move(tree, lambda _: None, without=("a/one", os.fsdecode(b"caf\xe9")))
    assert verify(there, now) == ()


def test_no_change_is_no_step(tree: Path) -> None:
    now = capture(tree)
    packed = pack(tree, now, now)
    assert packed is not None and packed.changes == () and packed.carried == 0


def test_a_manifest_tells_its_digest_from_its_first_bytes(tree: Path, tmp_path: Path) -> None:
    now = capture(tree)
    write_manifest(tmp_path / "manifest.json", now)
    assert stated_digest(tmp_path / "manifest.json") == now.digest
    (tmp_path / "other").write_text("{}")
    assert stated_digest(tmp_path / "other") == stated_digest(tmp_path / "none") == ""
    with pytest.raises(ManifestDamaged):
        find_steps(tmp_path / "other", now)


def test_many_or_large_changes_are_for_rsync(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = capture(tree)
    change(tree)
    now = capture(tree)
    packed = pack(tree, earlier, now)
    assert packed is not None
    monkeypatch.setattr(patch, "MOST_STEPS", len(packed.changes) - 1)
    assert pack(tree, earlier, now) is None
    monkeypatch.undo()
    monkeypatch.setattr(patch, "MOST_BYTES", packed.carried - 1)
    assert pack(tree, earlier, now) is None


def test_a_file_that_changed_after_the_capture_is_for_rsync(tree: Path) -> None:
    earlier = capture(tree)
    (tree / "a/one").write_text("changed")
    now = capture(tree)
    (tree / "a/one").write_text("changed again")
    assert pack(tree, earlier, now) is None


def test_a_file_of_the_same_size_that_changed_after_the_capture_is_refused_there(tree: Path) -> None:
    def alter_twice(tree: Path) -> None:
        (tree / "a/one").write_text("changed")

    there = tree.with_name("there")
    shutil.copytree(tree, there, symlinks=True)
    earlier = capture(tree)
    alter_twice(tree)
    now = capture(tree)
    (tree / "a/one").write_text("CHANGED")
    packed = pack(tree, earlier, now)
    assert packed is not None
    with pytest.raises(SnapshotError):
        apply_changes(there, packed)


def test_a_tree_that_is_another_one_is_not_changed_through_its_links(tree: Path, tmp_path: Path) -> None:
    there, outside = tree.with_name("there"), tmp_path / "outside"
    shutil.copytree(tree, there, symlinks=True)
    (there / "a").rename(outside)
    (there / "a").symlink_to(outside)
    earlier = capture(tree)
    (tree / "a/one").write_text("changed")
    packed = pack(tree, earlier, capture(tree))
    assert packed is not None
    with pytest.raises(SnapshotError):
        apply_changes(there, packed)
    assert (outside / "one").read_text() == "a/one\n"


def test_a_tree_that_is_not_there_is_a_refusal(tree: Path, tmp_path: Path) -> None:
    earlier = capture(tree)
    (tree / "a/one").write_text("changed")
    packed = pack(tree, earlier, capture(tree))
    assert packed is not None
    with pytest.raises(SnapshotError):
        apply_changes(tmp_path / "none", packed)


def test_a_masked_file_travels_masked(tree: Path, tmp_path: Path) -> None:
    there, overlay = tree.with_name("there"), tmp_path / "overlay"
    shutil.copytree(tree, there, symlinks=True)
    write_manifest(tmp_path / "earlier.json", capture(tree))
    (tree / "a/one").write_text("password = geheim\n")
    now = capture(tree, overlay=overlay, changes={"a/one": lambda data: data.replace(b"geheim", b"xxxxxx")})
    packed = pack_changes(find_steps(tmp_path / "earlier.json", now), tree, overlay)
    assert packed is not None
    apply_changes(there, packed)
    assert verify(there, now) == ()
    assert (there / "a/one").read_text() == "password = xxxxxx\n"
