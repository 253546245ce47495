import os
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

from snapshot import survey as survey_module
from snapshot.capture import capture
from snapshot.errors import SnapshotRefused, TreeChanged
from snapshot.scan import scan
from snapshot.selection import Selection
from snapshot.survey import survey
from snapshot.walk import Walked, walk
from tests.snapshot.repos import (
    empty_folder,
    ignored,
    merging,
    no_repository,
    run,
    shallow,
    split,
    start,
    submodules,
    unborn,
    write,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def refused(tree: Path) -> list[tuple[str, str]]:
    """What a survey refuses, which a capture refuses too."""
    found = [(refusal.code, refusal.path) for refusal in survey(tree).refusals]
    if found:
        with pytest.raises(SnapshotRefused) as caught:
            capture(tree)
        assert [(refusal.code, refusal.path) for refusal in caught.value.refusals] == found
        assert all(refusal.sentence and refusal.way_out for refusal in caught.value.refusals)
    return found


def test_the_line_on_git(tree: Path) -> None:
    split(tree)
    assert survey(tree).git == "main · 3 staged, 2 unstaged, 2 untracked"


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (no_repository, "no git repository: the folder alone travels"),
        (unborn, "main, no commit yet · 1 staged, 1 untracked"),
        (merging, "main · 1 in conflict"),
        (shallow, "main · 1 unstaged"),
        (empty_folder, "no git repository: the folder alone travels"),
    ],
)
def test_states_that_travel(tree: Path, build: object, line: str) -> None:
    assert callable(build)
    build(tree)
    assert survey(tree).git == line
    assert refused(tree) == []


def test_what_stays_is_counted_by_class(tree: Path) -> None:
    ignored(tree)
    write(tree, "other/y.pyc", "c" * 5)
    stays = {kept.what: (kept.files, kept.size) for kept in survey(tree).stays}
    assert stays == {"*.o": (1, 1000), "node_modules/": (1, 500), "*.pyc": (2, 15), "*.txt": (1, 1)}


def test_each_class_that_stays_can_be_asked_for_and_no_more_than_that(tree: Path) -> None:
    start(tree)
    write(tree, ".gitignore", "*.log\ncache/\n[[]odd*\n")
    for name in ("a.log", "web/b c.log", "cache/x.log", "web/cache/y", "[odd\\ *?", "[odd\nline"):
        write(tree, name, name)
    asked = {kept.what: scan(tree, Selection(include=kept.patterns)).included for kept in survey(tree).stays}
    assert {what: {i.path for i in items if (tree / i.path).is_file()} for what, items in asked.items()} == {
        "*.log": {"a.log", "web/b c.log"},
        "cache/": {"cache/x.log", "web/cache/y"},
        "[odd\\ *?": {"[odd\\ *?"},
        "[odd\nline": set(),
    }


def test_a_build_at_work_in_what_stays_is_no_hindrance(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ignored(tree)
    real = survey_module.walk

    def walk(folder: Path) -> Walked:
        shutil.rmtree(folder)
        return real(folder)

    monkeypatch.setattr(survey_module, "walk", walk)
    stays = {kept.what: kept.files for kept in survey(tree).stays}
    assert stays == {"*.o": 1, "node_modules": 0, "*.pyc": 1, "*.txt": 1}


def test_without_a_repository_nothing_stays(tree: Path) -> None:
    no_repository(tree)
    assert survey(tree).stays == ()
    assert survey(tree).files == 3


def test_what_cannot_be_carried_is_told(tree: Path, tmp_path: Path) -> None:
    start(tree)
    os.link(tree / "README", tree / "second name")
    run(tree, "config", "core.hooksPath", str(tmp_path / "hooks"))
    run(tree, "config", "include.path", "../../elsewhere")
    (Path.home() / ".gitconfig").write_text("[user]\nname = x\n")
    stays = {kept.what: kept.why for kept in survey(tree).stays}
    assert set(stays) == {"hard links", str(tmp_path / "hooks"), "../../elsewhere", "~/.gitconfig"}


def test_a_linked_worktree(tree: Path, tmp_path: Path) -> None:
    start(tmp_path / "main")
    run(tmp_path / "main", "worktree", "add", "-q", str(tree))
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).companions] == [str(tmp_path / "main/.git")]


def test_borrowed_objects(tree: Path, tmp_path: Path) -> None:
    start(tmp_path / "main")
    run(tmp_path, "clone", "-q", "--shared", "main", str(tree))
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).companions] == [str(tmp_path / "main/.git/objects")]


@pytest.mark.parametrize(("value", "found"), [("on", True), ("1", True), ("false", False), ("off", False)])
def test_a_promisor(tree: Path, value: str, found: bool) -> None:
    start(tree)
    run(tree, "config", "remote.origin.promisor", value)
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).stays] == (["missing objects of the repository"] if found else [])


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock"])
def test_a_git_command_at_work(tree: Path, name: str) -> None:
    start(tree)
    (tree / ".git" / name).touch()
    assert refused(tree) == [("git-locked", f".git/{name}")]


def test_a_garbage_collection_at_work(tree: Path) -> None:
    start(tree)
    write(tree, ".git/gc.pid", f"{os.getpid()} here")
    assert refused(tree) == [("git-locked", ".git/gc.pid")]
    write(tree, ".git/gc.pid", "4194305 here")
    assert refused(tree) == []


def test_special_files(tree: Path) -> None:
    start(tree)
    os.mkfifo(tree / "pipe")
    assert refused(tree) == [("special-file", "pipe")]
    write(tree, ".gitignore", "pipe\n")
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).stays] == ["pipe"]


def test_a_socket_in_git_stays(tree: Path) -> None:
    start(tree)
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tree / ".git")
        server.bind("fsmonitor--daemon.ipc")
        os.chdir(here)
        assert refused(tree) == []
        assert [kept.what for kept in survey(tree).stays] == [".git/fsmonitor--daemon.ipc"]
        assert ".git/fsmonitor--daemon.ipc" not in capture(tree).by_path


def test_a_name_that_is_not_utf8_travels_and_is_shown_escaped(tree: Path) -> None:
    start(tree)
    (tree / os.fsdecode(b"caf\xe9")).touch()
    assert refused(tree) == []
    os.mkfifo(tree / os.fsdecode(b"pipe\xe9"))
    assert refused(tree) == [("special-file", "pipe\\xe9")]
    assert survey(tree).model_dump_json()


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "next\u2028line"])
def test_a_branch_with_an_odd_name(tree: Path, name: str) -> None:
    start(tree)
    run(tree, "checkout", "-qb", name)
    run(tree, "pack-refs", "--all")
    shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    seen = survey(tree)
    assert seen.git == f"{shown} · clean"
    assert seen.model_dump_json()


def test_a_setting_that_is_not_utf8(tree: Path) -> None:
    start(tree)
    run(tree, "config", "core.hooksPath", os.fsdecode(b"/caf\xe9"))
    assert [kept.what for kept in survey(tree).stays] == [r"/caf\xe9"]


def test_a_nested_repository(tree: Path) -> None:
    start(tree)
    start(tree / "vendor/lib")
    write(tree / "vendor/lib", "x.pyc", "12345")
    write(tree, "y.pyc", "1")
    assert refused(tree) == []
    seen = survey(tree)
    assert seen.git == "main · 1 untracked · 1 repository inside"
    assert [(kept.what, kept.size) for kept in seen.stays] == [("*.pyc", 6)]


def test_a_git_command_at_work_in_a_nested_repository(tree: Path) -> None:
    submodules(tree)
    write(tree, ".git/modules/changed/index.lock")
    write(tree, "old style/.git/refs/heads/hooks/x.lock")
    write(tree, ".git/modules/clean/hooks/x.lock")
    assert refused(tree) == [
        ("git-locked", ".git/modules/changed/index.lock"),
        ("git-locked", "old style/.git/refs/heads/hooks/x.lock"),
    ]


def test_a_name_that_some_take_for_git(tree: Path) -> None:
    start(tree)
    write(tree, "src/.GIT/config")
    assert refused(tree) == [("git-name", "src/.GIT")]


def test_links_of_a_repository(tree: Path, tmp_path: Path) -> None:
    start(tree)
    write(tmp_path, "outside")
    (tree / ".git/hooks/pre-commit").symlink_to("../../../outside")
    (tree / ".git/info/exclude").unlink()
    (tree / ".git/info/exclude").symlink_to("../../README")
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).stays] == [".git/hooks/pre-commit"]
    (tree / ".git/description").unlink()
    (tree / ".git/description").symlink_to("../../outside")
    assert refused(tree) == [("git-outside", ".git/description")]


def test_a_folder_of_a_larger_repository(tree: Path) -> None:
    start(tree)
    assert refused(tree / "src") == [("inside-repository", "")]
    (tree / "fresh").mkdir()
    assert refused(tree / "fresh") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_folder_of_a_larger_repository_of_somebody_else(tree: Path) -> None:
    start(tree)
    for path in (tree, tree / ".git"):
        os.chown(path, 65534, 65534)
    assert refused(tree / "src") == [("inside-repository", "")]


def test_a_broken_repository(tree: Path) -> None:
    start(tree)
    (tree / ".git/HEAD").write_text("nonsense")
    assert refused(tree) == [("git-broken", ".git")]


@pytest.mark.parametrize("url", ["git@example.org:x.git", "ssh://git@example.org/x", "https://example.org/a@b"])
def test_plain_addresses_are_no_credentials(tree: Path, url: str) -> None:
    start(tree)
    run(tree, "remote", "add", "origin", url)
    assert survey(tree).stays == ()


def test_the_users_own_credential_helper_is_no_concern(tree: Path) -> None:
    start(tree)
    (Path.home() / ".gitconfig").write_text("[credential]\n\thelper = store\n")
    assert refused(tree) == []
    assert [kept.what for kept in survey(tree).stays] == ["~/.gitconfig"]


def test_no_folder(tree: Path) -> None:
    with pytest.raises(SnapshotRefused, match="There is no folder"):
        survey(tree)


@contextmanager
def ordinary_user(folder: Path) -> Generator[None]:
    """Root may read everything, so become someone else."""
    if os.geteuid() != 0:
        yield
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 65534, 65534)
    # Where the tests were started from may be root's alone.
    with chdir(folder):
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)


def test_what_cannot_be_read_stays_and_is_told_where_nothing_tracks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("HOME", name)
        tree = Path(name)
        run(tree, "init", "-q")
        write(tree, "open file")
        write(tree, "closed file", "12345").chmod(0)
        write(tree, "closed folder/x")
        (tree / "closed folder").chmod(0)
        with ordinary_user(tree):
            seen = survey(tree)
            told = [(kept.what, kept.files, kept.size) for kept in seen.stays if kept.lost]
            assert (seen.refusals, told) == ((), [("closed file", 1, 5), ("closed folder/", 0, 0)])
            assert seen.closed == ("closed file", "closed folder")
            with pytest.raises(SnapshotRefused, match="closed file"):
                capture(tree)
            left = capture(tree, Selection(leave=seen.closed))
            assert [entry.path for entry in left.tree_entries()] == ["open file"]
            assert survey(tree, Selection(leave=seen.closed)).closed == ()
            (tree / "closed folder").chmod(0o700)


def test_what_cannot_be_read_is_refused_where_it_would_look_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("HOME", name)
        tree = Path(name)
        run(tree, "init", "-q")
        write(tree, "tracked")
        write(tree, "folder/tracked")
        write(tree, "caf\udce9")
        run(tree, "add", "tracked", "folder")
        for path in ("tracked", "folder", "caf\udce9", ".git/description"):
            (tree / path).chmod(0)
        with ordinary_user(tree):
            refusals = survey(tree).refusals
            shut = {refusal.path for refusal in refusals if refusal.code == "unreadable"}
            assert shut == {"tracked", "folder", "caf\\xe9", ".git/description"}
            assert "look deleted" in next(r.sentence for r in refusals if r.path == "tracked")
            (tree / "folder").chmod(0o700)


def test_what_comes_and_goes_is_told_and_does_not_stop_a_survey(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(tmp_path, "init", "-q")
    write(tmp_path, "kept")
    real, passing = survey_module.scan, [".git/index.lock", "build/tmp1", "build/tmp2"]

    def busy(tree: Path, selection: Selection) -> object:
        if passing:
            raise TreeChanged("It vanished.", (passing.pop(0),))
        return real(tree, selection)

    monkeypatch.setattr(survey_module, "scan", busy)
    told = [(kept.what, kept.why) for kept in survey(tmp_path).stays if kept.lost]
    assert told == [(f"build/tmp{n}", "it came and went while the folder was looked at") for n in (1, 2)]
    passing += [f"build/{number}" for number in range(9)]
    with pytest.raises(TreeChanged):
        survey(tmp_path)


def test_a_file_that_vanishes_in_the_walk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path, "folder/passing")
    real = os.scandir

    class Vanishing:
        """A listing whose files are gone when they are looked at."""

        def __init__(self, where: int) -> None:
            self.listing = real(where)

        def __enter__(self) -> "Vanishing":
            return self

        def __exit__(self, *_: object) -> None:
            self.listing.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            for item in list(self.listing):
                if item.name == "passing":
                    (tmp_path / "folder/passing").unlink()
                yield item

    monkeypatch.setattr("snapshot.walk.os.scandir", Vanishing)
    with pytest.raises(TreeChanged) as told:
        walk(tmp_path)
    assert told.value.paths == ("folder/passing",)
