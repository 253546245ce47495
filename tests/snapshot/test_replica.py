"""A copy by manifest holds exactly what the manifest says, whatever has become of the original."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from snapshot.capture import capture_paths
from snapshot.manifest import Manifest
from snapshot.replica import copy_verified, remove_tree
from snapshot.verify import verify
from snapshot.walk import walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "one").write_text("one")
    (tree / "a" / "run").write_text("#!/bin/sh\n")
    (tree / "a" / "run").chmod(0o755)
    (tree / "empty").mkdir()
    (tree / "zero").touch()
    (tree / "new\nline").write_bytes(os.urandom(3_000_000))
    (tree / "link").symlink_to("../nowhere")
    (tree / "a" / "closed").mkdir()
    (tree / "a" / "closed" / "file").write_text("x")
    (tree / "a" / "closed").chmod(0o555)
    os.utime(tree / "zero", ns=(10**18, 10**18 + 123456789))
    return tree


def manifest_of(tree: Path) -> Manifest:
    return capture_paths(tree, [found.path for found in walk(tree).found])


def test_a_copy_is_equal_and_shares_nothing(tree: Path, tmp_path: Path) -> None:
    manifest = manifest_of(tree)
    copy_verified(tree, manifest, tmp_path / "copy")
    assert verify(tmp_path / "copy", manifest) == ()
    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file() and not path.is_symlink()]
    assert files and all(path.stat().st_nlink == 1 for path in files)
    with (tree / "a" / "run").open("a") as file:
        file.write("more")
    assert (tmp_path / "copy" / "a" / "run").read_text() == "#!/bin/sh\n"


def test_what_is_not_what_the_manifest_says_is_left_out(tree: Path, tmp_path: Path) -> None:
    manifest = manifest_of(tree)
    before = (tree / "a" / "b" / "one").stat()
    (tree / "a" / "b" / "one").write_text("two")
    os.utime(tree / "a" / "b" / "one", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tree / "a" / "run").write_text("longer than before")
    (tree / "zero").unlink()
    os.mkfifo(tree / "zero")
    (tree / "new\nline").rename(tmp_path / "elsewhere")
    (tree / "new\nline").symlink_to(tmp_path / "elsewhere")
    (tree / "fresh").write_text("the agent's")
    copy_verified(tree, manifest, tmp_path / "copy")
    left = {difference.path: difference.what for difference in verify(tmp_path / "copy", manifest)}
    assert left == dict.fromkeys(("a/b/one", "a/run", "zero", "new\nline"), "missing")


def test_a_folder_swapped_for_a_link_lets_nothing_else_in(tree: Path, tmp_path: Path) -> None:
    manifest = manifest_of(tree)
    (tree / "a" / "b").rename(tmp_path / "b")
    (tmp_path / "b" / "one").write_text("a secret of the host's")
    (tree / "a" / "b").symlink_to(tmp_path / "b")
    copy_verified(tree, manifest, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy" / "a" / "b").iterdir()] == []


def test_a_tree_with_closed_folders_is_removed() -> None:
    """By a user who, other than root, is stopped by modes."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    outside, tree = root / "outside", root / "tree"
    closed = tree / "a" / "closed"
    closed.mkdir(parents=True)
    outside.mkdir(mode=0o755)
    (closed / "file").touch()
    (closed / "out").symlink_to(outside)
    closed.chmod(0)
    (tree / "a").chmod(0o555)
    if os.getuid() == 0:
        for path in (root, tree, tree / "a", closed, outside):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
    try:
        remove_tree(tree)
        remove_tree(tree)
    finally:
        os.seteuid(os.getuid())
    assert not tree.exists()
    assert outside.stat().st_mode & 0o777 == 0o755
    shutil.rmtree(root)
