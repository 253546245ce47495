"""Which programs git's filters need for a tree, and whose settings name them."""

from pathlib import Path

import pytest

from snapshot.drivers import Drivers, find_drivers
from snapshot.scan import scan
from tests.snapshot.repos import run, start, write


def drivers(tree: Path) -> Drivers:
    return find_drivers(tree, scan(tree))


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("git-lfs clean -- %f", ("git-lfs",)),
        ("git lfs clean -- %f", ("git-lfs",)),
        ("'/opt/my tools/clean' x", ("/opt/my tools/clean",)),
        ("$HOME/bin/clean", ()),
        ("f() { cat; }; f", ()),
        ("'unfinished", ()),
        ("../tools/clean", ()),
        ("", ()),
    ],
)
def test_the_program_of_a_filter(tmp_path: Path, command: str, programs: tuple[str, ...]) -> None:
    start(tmp_path / "tree")
    write(tmp_path / "tree", "deep/.gitattributes", "# *.x filter=other\n*.big text filter=large -text\n")
    run(tmp_path / "tree", "config", "filter.large.clean", command)
    run(tmp_path / "tree", "config", "filter.other.clean", "not-used")
    assert drivers(tmp_path / "tree") == Drivers(programs)


def test_a_filter_of_the_repositorys_own_attributes_and_of_one_inside(tmp_path: Path) -> None:
    start(tmp_path / "tree")
    start(tmp_path / "tree/inner")
    write(tmp_path / "tree", "inner/.git/info/attributes", "*.none filter=a.b\n")
    run(tmp_path / "tree/inner", "config", "filter.a.b.process", "tool --all")
    assert drivers(tmp_path / "tree").programs == ("tool",)


def test_a_filter_of_the_users_own_settings_is_told(tmp_path: Path) -> None:
    start(tmp_path / "tree")
    write(tmp_path / "tree", ".gitattributes", "*.big filter=lfs\n")
    (Path.home() / ".gitconfig").write_text('[filter "lfs"]\n\tclean = git-lfs clean -- %f\n')
    assert drivers(tmp_path / "tree") == Drivers(("git-lfs",), ("lfs",))


def test_without_attributes_nothing_is_needed(tmp_path: Path) -> None:
    start(tmp_path / "tree")
    run(tmp_path / "tree", "config", "filter.lfs.clean", "git-lfs clean -- %f")
    assert drivers(tmp_path / "tree") == Drivers()
