"""What comes along and what stays by choice: here, on the list of the run's tree, and when the run comes home."""

from collections.abc import Collection
from pathlib import Path

import pytest

from snapshot.base import record_base
from snapshot.capture import capture
from snapshot.diff import diff
from snapshot.errors import SnapshotRefused
from snapshot.listing import list_paths
from snapshot.manifest import dump_manifest, parse_manifest
from snapshot.selection import EVERYTHING, Selection, check_pattern
from snapshot.survey import survey
from snapshot.walk import Enter, Walked
from tests.snapshot.repos import run, write

_RULES = "build/\n.env*\n*.log\nnode_modules/\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    run(tree, "init", "--quiet")
    write(tree, ".gitignore", _RULES)
    write(tree, "code/a.py", "a\n")
    run(tree, "add", "--all")
    run(tree, "commit", "--quiet", "--message=one")
    for name in (".env.test", ".env", "build/keep/x.bin", "build/keep/y.log", "build/other/z.bin", "a.log"):
        write(tree, name, name)
    for name in ("scratch/big.bin", "scratch/deep/more.bin", "notes.txt"):
        write(tree, name, name)
    write(tree, "node_modules/pkg/index.js", "x")
    return tree


def outside_git(tree: Path, selection: Selection) -> set[str]:
    return {entry.path for entry in capture(tree, selection).tree_entries()}


def test_included_files_travel_with_the_folders_above_them_and_nothing_beside(tree: Path) -> None:
    chosen = Selection(include=(".env.test", "/build/keep/"))
    assert outside_git(tree, chosen) - outside_git(tree, EVERYTHING) == {
        ".env.test", "build", "build/keep", "build/keep/x.bin", "build/keep/y.log",
    }  # fmt: skip


def test_a_file_deep_in_an_ignored_folder(tree: Path) -> None:
    assert outside_git(tree, Selection(include=("*.bin",))) - outside_git(tree, EVERYTHING) == {
        "build", "build/keep", "build/keep/x.bin", "build/other", "build/other/z.bin",
    }  # fmt: skip


def test_what_is_taken_back_stays(tree: Path) -> None:
    chosen = Selection(include=("/build/**", "!*.log", "!/build/other/**"))
    assert {p for p in outside_git(tree, chosen) if p.startswith("build") and "." in p} == {"build/keep/x.bin"}


def test_excluded_folders_stay_with_all_that_is_in_them(tree: Path) -> None:
    assert outside_git(tree, EVERYTHING) - outside_git(tree, Selection(exclude=("scratch/",))) == {
        "scratch", "scratch/big.bin", "scratch/deep", "scratch/deep/more.bin",
    }  # fmt: skip


def test_exclude_wins_over_include(tree: Path) -> None:
    chosen = Selection(include=("build/",), exclude=("*.log",))
    assert {"build/keep/x.bin", "build/other/z.bin"} <= outside_git(tree, chosen)
    assert "build/keep/y.log" not in outside_git(tree, chosen)
    assert [(kept.what, kept.files) for kept in survey(tree, chosen).included] == [("build/", 2)]


def test_exact_paths_stay_however_they_look(tree: Path) -> None:
    write(tree, "a[b]*.txt", "")
    write(tree, "ab1.txt", "")
    gone = outside_git(tree, EVERYTHING) - outside_git(tree, Selection(leave=("a[b]*.txt", "scratch/deep")))
    assert gone == {"a[b]*.txt", "scratch/deep", "scratch/deep/more.bin"}


def test_a_tracked_file_is_not_left_behind_silently(tree: Path) -> None:
    for chosen in (Selection(exclude=("*.py",)), Selection(exclude=("code/",)), Selection(leave=("code/a.py",))):
        with pytest.raises(SnapshotRefused) as caught:
            capture(tree, chosen)
        assert [(r.code, r.path) for r in caught.value.refusals] == [("tracked-excluded", "code/a.py")]
        assert [r.code for r in survey(tree, chosen).refusals] == ["tracked-excluded"]


def test_nothing_of_git_itself_can_be_left(tree: Path) -> None:
    everything = {entry.path for entry in capture(tree).entries}
    chosen = capture(tree, Selection(exclude=("*.txt", ".git/", "HEAD", "scratch"), leave=(".git/HEAD", ".git")))
    left = everything - {entry.path for entry in chosen.entries}
    assert left == {"notes.txt", "scratch", "scratch/big.bin", "scratch/deep", "scratch/deep/more.bin"}


def test_an_unreadable_folder_that_is_excluded_is_no_hindrance(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import snapshot.scan

    real = snapshot.scan.walk

    def closed(tree: Path, skip: Collection[str] = frozenset(), enter: Enter | None = None) -> Walked:
        return real(tree, skip, enter)._replace(unlisted=["scratch/deep"])

    monkeypatch.setattr(snapshot.scan, "walk", closed)
    assert survey(tree).closed == ("scratch/deep",)
    assert survey(tree, Selection(exclude=("scratch/",))).closed == ()


def test_the_survey_tells_both_with_sizes(tree: Path) -> None:
    seen = survey(tree, Selection(include=(".env.test", "build/keep/"), exclude=("scratch/",)))
    assert [(kept.what, kept.files, kept.size) for kept in seen.included] == [("build/", 2, 32), (".env.test", 1, 9)]
    left = [kept for kept in seen.stays if kept.why == "left here by choice"]
    assert [(kept.what, kept.files, kept.size) for kept in left] == [("scratch/", 2, 36)]
    assert "node_modules/" in {kept.what for kept in seen.stays if kept.why == "ignored by git"}


def test_the_list_of_the_runs_tree_is_the_same_selection(tree: Path) -> None:
    chosen = Selection(include=(".env.test", "build/keep/"), exclude=("scratch/",))
    assert set(list_paths(tree, chosen)) == outside_git(tree, chosen)
    write(tree, "build/keep/made.bin", "by the run")
    assert "build/keep/made.bin" in list_paths(tree, chosen)


def test_without_a_repository(tmp_path: Path) -> None:
    write(tmp_path / "plain", "scratch/a", "a")
    write(tmp_path / "plain", "b", "b")
    chosen = Selection(exclude=("scratch/",))
    assert outside_git(tmp_path / "plain", chosen) == {"b"} == set(list_paths(tmp_path / "plain", chosen))


def test_the_manifest_remembers_what_was_chosen(tree: Path) -> None:
    chosen = Selection(include=("build/",), exclude=("*.log",), leave=("notes.txt",))
    assert parse_manifest(dump_manifest(capture(tree, chosen))).selection == chosen


def test_the_diff_is_of_what_travels(tree: Path, tmp_path: Path) -> None:
    chosen = Selection(include=("build/keep/",), exclude=("scratch/",))
    base = record_base(tree, tmp_path / "store", chosen)
    assert diff(tree, tmp_path / "store", base, chosen).files == ()
    for name in ("build/keep/x.bin", "build/keep/new.bin", "build/other/z.bin", "scratch/big.bin", "code/a.py"):
        write(tree, name, "changed")
    found = diff(tree, tmp_path / "store", base, chosen)
    assert {(file.path, file.change) for file in found.files} == {
        ("build/keep/x.bin", "modified"), ("build/keep/new.bin", "added"), ("code/a.py", "modified"),
    }  # fmt: skip


@pytest.mark.parametrize("pattern", ["../x", "a/../../b", "~/.ssh", "~root/x", "!../x", "a\nb", "\\"])
def test_no_pattern_leads_out_of_the_tree(pattern: str) -> None:
    assert check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["/etc/passwd", "a..b", "*.log", "!keep", "**/x/", "a~"])
def test_patterns(pattern: str) -> None:
    assert check_pattern(pattern) == ""
