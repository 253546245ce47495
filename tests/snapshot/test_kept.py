"""What is kept of moves, looked at again: whole it is passed, and each damage is found."""

from pathlib import Path

import pytest

from snapshot.capture import capture
from snapshot.kept import check_left
from snapshot.left import Left, keep_left
from snapshot.manifest import Manifest
from tests.snapshot.repos import start, write


@pytest.fixture
def left(tmp_path: Path) -> tuple[Path, Left, Manifest]:
    project = tmp_path / "project"
    start(project)
    for name in ("a.txt", "with\nline.txt", "later.txt"):
        write(project, name, f"{name}, and its text\n")
    (project / "link").symlink_to("a.txt")
    manifest = capture(project)
    store = tmp_path / "left"
    return store, keep_left(project, store, manifest), manifest


def test_what_left_is_whole(left: tuple[Path, Left, Manifest]) -> None:
    assert list(check_left(*left)) == []


def blobs(store: Path) -> list[Path]:
    """The store's own objects, the largest last."""
    found = [path for path in store.glob("objects/??/*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_size)


def test_a_missing_text_is_found(left: tuple[Path, Left, Manifest]) -> None:
    store, _, manifest = left
    for each in blobs(store):
        data = each.read_bytes()
        each.unlink()
        assert list(check_left(*left)), each
        each.write_bytes(data)
    assert len(blobs(store)) >= 3 and manifest.files
    assert list(check_left(*left)) == []


def test_a_flipped_byte_is_found(left: tuple[Path, Left, Manifest]) -> None:
    for each in blobs(left[0]):
        data = each.read_bytes()
        each.chmod(0o600)
        each.write_bytes(data[:-6] + bytes([data[-6] ^ 1]) + data[-5:])
        assert list(check_left(*left)), each
        each.write_bytes(data)


def test_other_bytes_under_a_path_are_found(left: tuple[Path, Left, Manifest]) -> None:
    store, kept, manifest = left
    entries = tuple(
        entry.model_copy(update={"digest": "0" * 64}) if entry.path == "a.txt" else entry for entry in manifest.entries
    )
    (damage,) = check_left(store, kept, Manifest(entries=entries))
    assert "a.txt" in damage.sentence
