"""A folder that becomes a link at the worst moment leads nobody out of the tree."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snapshot import capture as capturing
from snapshot import verify as verifying
from snapshot import walk as walking
from snapshot.beneath import Beneath
from snapshot.capture import capture
from snapshot.errors import TreeChanged
from snapshot.replica import remove_tree
from snapshot.verify import verify
from snapshot.walk import walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with ``d/f``, and beside it ``outside`` with a file of the same name, content and times."""
    tree = tmp_path / "tree"
    for folder, text in ((tree / "d", "ours"), (tmp_path / "outside", "ours")):
        folder.mkdir(parents=True)
        (folder / "f").write_text(text)
        os.utime(folder / "f", ns=(10**18, 10**18))
    (tmp_path / "outside" / "hidden").write_text("theirs")
    return tree


def swap(tree: Path) -> None:
    (tree / "d").rename(tree.parent / "aside")
    (tree / "d").symlink_to(tree.parent / "outside")


def count_open() -> int:
    """The descriptors of this process; always the same where the system does not say."""
    listing = Path("/proc/self/fd")
    return len(list(listing.iterdir())) if listing.exists() else 0


def after(monkeypatch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[], None]) -> None:
    """Let ``act`` happen once, as soon as the next call of a module's function has ended."""
    real: Callable[..., object] = getattr(module, name)

    def call(*arguments: object, **options: object) -> object:
        result = real(*arguments, **options)
        monkeypatch.setattr(module, name, real)
        act()
        return result

    monkeypatch.setattr(module, name, call)


def test_a_walk_does_not_go_where_a_folder_was(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is listed as one; when it is its turn, it is a link."""
    folder = Beneath.folder

    def swap_first(self: Beneath, path: str) -> int:
        if path == "d":
            swap(tree)
        return folder(self, path)

    monkeypatch.setattr(walking.Beneath, "folder", swap_first)
    with pytest.raises(TreeChanged, match="'d' vanished"):
        walk(tree)


def test_a_folder_that_is_swapped_while_it_is_listed_is_still_itself(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    folder = Beneath.folder

    def watch(self: Beneath, path: str) -> int:
        handle = folder(self, path)
        if path == "d":
            opened.append(path)
            swap(tree)
        return handle

    monkeypatch.setattr(walking.Beneath, "folder", watch)
    assert [item.path for item in walk(tree).found] == ["d", "d/f"]
    assert opened == ["d"]


def test_what_a_swapped_folder_leads_to_is_not_verified(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = capture(tree)
    assert verify(tree, manifest) == ()
    after(monkeypatch, verifying, "walk", lambda: swap(tree))
    assert [(one.path, one.what) for one in verify(tree, manifest)] == [("d/f", "unreadable")]


def test_what_a_swapped_folder_leads_to_is_not_captured(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is a folder again at the second look."""
    read = capturing._read  # pyright: ignore[reportPrivateUsage]

    def swapped(*arguments: object) -> object:
        swap(tree)
        try:
            return read(*arguments)  # pyright: ignore[reportArgumentType]
        finally:
            (tree / "d").unlink()
            (tree.parent / "aside").rename(tree / "d")

    monkeypatch.setattr(capturing, "_read", swapped)
    with pytest.raises(TreeChanged, match="'d/f' changed"):
        capture(tree)


def test_a_tree_may_be_reached_through_a_link(tree: Path) -> None:
    (tree.parent / "link").symlink_to(tree)
    assert [item.path for item in walk(tree.parent / "link").found] == ["d", "d/f"]


def test_deep_folders_do_not_use_up_the_descriptors(tmp_path: Path) -> None:
    depth = 400
    folders = ["/".join("d" * count) for count in range(1, depth + 1)]
    (tmp_path / folders[-1]).mkdir(parents=True)
    (tmp_path / folders[-1] / "f").write_text("x")
    before = count_open()
    with Beneath(tmp_path) as below:
        assert below.stat(f"{folders[-1]}/f").st_size == 1
        assert below.stat(f"{folders[70]}").st_ino == (tmp_path / folders[70]).stat().st_ino
        assert count_open() - before < 80
        assert below.stat("d").st_ino == (tmp_path / "d").stat().st_ino
    assert count_open() == before
    assert len(walk(tmp_path).found) == depth + 1


def test_a_link_on_the_way_is_an_error(tree: Path) -> None:
    (tree / "l").symlink_to("d")
    with Beneath(tree) as below, pytest.raises(OSError, match=r"directory|symbolic"):
        below.folder("l")
    with Beneath(tree) as below, pytest.raises(OSError, match=r"directory|symbolic"):
        below.at("l/f")


def test_a_folder_too_deep_for_any_program_is_named_and_not_entered(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 200, dir_fd=place)
        place, above = os.open("d" * 200, os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)
    found, unlisted = walk(tmp_path)
    assert [len(path) for path in unlisted] == [len(found[-1].path)] == [18 * 201 - 1]
    remove_tree(tmp_path)
