"""A run's result on its way into the tree here, without a host: what is received, kept, tidied, and found again."""

import os
import shutil
from pathlib import Path

import pytest

from agent.durable import write_model
from agent.errors import SessionUnknown
from agent.sessions import SessionDir, create_session
from remote.landing import Landing
from remote.terms import Agreed, Wish
from remote.undo import find_pulled, list_pulls, undo
from snapshot.capture import capture
from snapshot.commits import bundle
from snapshot.errors import UnsafePaths, WayBlocked
from snapshot.left import keep_left
from snapshot.manifest import Manifest
from tests.snapshot.repos import run, start, write


class Journey:
    """A project that left, the run's tree, and what comes home of it."""

    def __init__(self, root: Path, wish: Wish | None = None) -> None:
        self.project, self.there = root / "project", root / "there"
        start(self.project)
        write(self.project, "deep/er/a.txt", "one\n")
        write(self.project, "b.txt", "one\n")
        self.session = create_session(root / "state", self.project, "builtin")
        self.base = capture(self.project)
        left = keep_left(self.project, self.session.path / "left", self.base)
        write_model(self.session.move(2) / "left.json", left)
        self.there.mkdir()
        for entry in self.base.tree_entries():
            if entry.type == "file":
                write(self.there, entry.path, (self.project / entry.path).read_bytes()).chmod(entry.mode)
        self.landing = Landing(self.session, 2, "vm", self.session.move(3), wish or Wish())

    def receive(self) -> tuple[str, ...]:
        names = self.landing.expect(self.base, Manifest(entries=capture(self.there).entries))
        for name in names:
            write(self.landing.folders.run, name, (self.there / name).read_bytes())
        return names

    def come_home(self, agreed: Agreed | None = None) -> None:
        self.receive()
        self.landing.plan()
        self.landing.prepare(agreed or Agreed(), self.session.path / "no bundle", "refs/castoff/x/3")
        self.landing.apply()
        self.landing.tidy()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ann@example.org")
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_what_an_earlier_state_of_the_run_left_is_in_nobodys_way(root: Path) -> None:
    journey = Journey(root)
    write(journey.there, "new", "a file first\n")
    write(journey.there, "gone", "soon\n")
    assert journey.receive() == ("gone", "new")
    (journey.there / "new").unlink()
    (journey.there / "gone").unlink()
    write(journey.there, "new/inner", "then a folder\n")
    journey.come_home()
    assert (journey.project / "new/inner").read_text() == "then a folder\n"
    assert not (journey.project / "gone").exists()


def test_only_what_is_still_open_is_kept(root: Path) -> None:
    journey = Journey(root)
    write(journey.there, "deep/er/a.txt", "the run's\n")
    write(journey.there, "b.txt", "the run's\n")
    write(journey.there, "Makefile", "all:\n")
    write(journey.project, "b.txt", "mine\n")
    journey.come_home()
    folders = journey.landing.folders
    assert files_in(folders.run) == ["Makefile", "b.txt"] and files_in(folders.here) == ["b.txt"]
    assert not folders.merged.exists() and not (folders.run / "deep").exists()
    note = journey.landing.write_open()
    assert "1 clashing, 1 held back" in note and str(journey.session.move(3) / "open.txt") in note
    text = (journey.session.move(3) / "open.txt").read_text()
    assert all(way.command in text for way in journey.landing.told()["clashes"][0].ways)
    told = journey.landing.told()
    assert [clash.path for clash in told["clashes"]] == ["b.txt"]
    assert [held.path for held in told["held"]] == ["Makefile"]


def test_names_are_checked_before_one_is_used(root: Path) -> None:
    journey = Journey(root)
    evil = journey.base.by_path["b.txt"].model_copy(update={"path": "../evil"})
    with pytest.raises(UnsafePaths):
        journey.landing.expect(journey.base, Manifest(entries=(*journey.base.entries, evil)))
    assert not journey.landing.folders.run.exists()


def test_without_what_left_there_is_a_merge_but_no_branch(root: Path) -> None:
    journey = Journey(root, Wish(branch="run/x"))
    (journey.session.move(2) / "left.json").unlink()
    journey.receive()
    with pytest.raises(WayBlocked, match="not kept"):
        journey.landing.plan()


def test_a_branch_begins_where_the_run_began_if_its_own_head_is_not_new(root: Path) -> None:
    journey = Journey(root, Wish(branch="run/x"))
    repository, out = root / "repository", root / "commits.bundle"
    shutil.copytree(journey.project, repository)
    run(repository, "checkout", "-qb", "side")
    run(repository, "commit", "-q", "--allow-empty", "-m", "on the side")
    run(repository, "checkout", "-q", "main")
    assert journey.base.git is not None and bundle(repository, journey.base.git.head, out) == 1
    write(journey.there, "b.txt", "the run's\n")
    journey.receive()
    journey.landing.plan()
    journey.landing.prepare(Agreed(), out, "refs/castoff/x/3")
    assert run(journey.project, "rev-parse", "run/x~1") == run(journey.project, "rev-parse", "main")
    assert run(journey.project, "log", "-1", "--format=%s", "refs/castoff/x/3/heads/side") == b"on the side\n"


def test_the_last_pull_into_a_folder_is_found_and_undone(root: Path) -> None:
    journey = Journey(root)
    other = create_session(root / "state", journey.project, "builtin")
    with pytest.raises(SessionUnknown):
        find_pulled(None, journey.project)
    write(journey.there, "b.txt", "the run's\n")
    journey.come_home()
    found = find_pulled(None, journey.project)
    assert found.id == journey.session.id and found.id != other.id
    assert [pull.state for pull in list_pulls(found)] == ["placed"]
    undo(SessionDir(found.path, found.info))
    assert (journey.project / "b.txt").read_text() == "one\n"
    assert os.access(journey.project / "b.txt", os.W_OK)
