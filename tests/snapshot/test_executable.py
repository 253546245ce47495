"""What git would run or obey of a run's changes, by its settings here and by folders that pose as repositories."""

import subprocess
from pathlib import Path

import pytest

from snapshot.changes import Change
from snapshot.executable import find_executables
from snapshot.git_obeys import find_obeyed
from snapshot.manifest import Entry


def added(path: str, kind: str = "file") -> Change:
    entry = Entry.model_validate({"path": path, "type": kind, "mode": 0o644, "size": 0, "mtime_ns": 0, "digest": ""})
    return Change(path=path, change="added", before=None, after=entry)


def asked(*paths: str, repositories: tuple[str, ...] = (), obeyed: frozenset[str] = frozenset()) -> list[str]:
    changes = [added(path) for path in paths]
    found = find_executables(changes, lambda _: None, lambda _: None, repositories=repositories, obeyed=obeyed)
    return [each.change.path for each in found]


def test_a_folder_that_poses_as_a_repository() -> None:
    assert asked("x/HEAD", "x/objects/a", "x/refs/b") == ["x/HEAD"]
    assert asked("x/config", "x/commondir", "y/config", repositories=("x",)) == ["x/config", "x/commondir"]
    assert asked("HEADER", "config", "src/head.py") == []


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("include.path", "../settings.inc", "settings.inc"),
        ("includeIf.gitdir:/.path", "../more.inc", "more.inc"),
        ("core.hooksPath", "tools/git", "tools/git/pre-push"),
        ("core.hooksPath", "Tools", "tools/pre-push"),
        ("core.fsmonitor", "./watch.sh", "watch.sh"),
        ("filter.x.clean", "python3 scripts/clean.py --fast", "scripts/clean.py"),
        ("diff.x.textconv", "./show", "show"),
        ("alias.up", "!sh bin/up.sh", "bin/up.sh"),
    ],
)
def test_what_gits_settings_name(tmp_path: Path, name: str, value: str, path: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert find_obeyed(tmp_path) == frozenset()
    subprocess.run(["git", "-C", tmp_path, "config", name, value], check=True)
    obeyed = find_obeyed(tmp_path)
    assert asked(path, "other.txt", obeyed=obeyed) == [path]


def test_a_link_in_place_of_a_folder_of_hooks() -> None:
    link = added("tools", "symlink")
    assert find_executables([link], lambda _: None, lambda _: None, obeyed={"tools/git"})


def test_a_tree_without_repository(tmp_path: Path) -> None:
    assert find_obeyed(tmp_path) == frozenset()
