"""Mirrors hold what travelled and nothing else, are taken whole, and do not grow without bound."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from agent.sessions import SessionDir, create_session
from remote import mirror
from remote.holding import Holding, state_holding, take_holding
from remote.mirror import forget_mirrors, make_mirror, mirror_path, take_mirror
from remote.place import Place, write_place
from snapshot.capture import capture_paths
from snapshot.manifest import Manifest, write_manifest
from snapshot.verify import verify
from snapshot.walk import walk
from tests.waiting import wait_until


class Run(NamedTuple):
    session: SessionDir
    tree: Path
    manifest: Manifest


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def make_run(state: Path, project: str = "/home/ann/shop", text: str = "one") -> Run:
    session = create_session(state, Path(project), "builtin")
    tree = state / "trees" / session.id
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "a.py").write_text(text)
    (tree / "src" / "b.py").write_text("b")
    manifest = capture_paths(tree, [found.path for found in walk(tree).found])
    write_manifest(session.path / "manifest.json", manifest)
    there = Place(
        host="vm",
        origin="here",
        sandbox="none",
        tree=str(tree),
        tree_at=project,
        home=str(state),
        home_at="/home/ann",
    )
    write_place(session.path, there)
    return Run(session, tree, manifest)


def test_a_mirror_is_what_arrived_and_is_taken_whole(state: Path) -> None:
    run = make_run(state)
    assert make_mirror(run.session)
    incoming = state / "incoming"
    assert take_mirror(run.session.info.project, incoming)
    assert verify(incoming / "tree", run.manifest) == ()
    assert (incoming / "parcel" / "manifest.json").read_bytes() == (run.session.path / "manifest.json").read_bytes()
    assert incoming.stat().st_mode & 0o777 == 0o700
    assert not take_mirror(run.session.info.project, state / "other")
    assert not (state / "other").exists()


def test_what_the_agent_made_meanwhile_does_not_enter(state: Path) -> None:
    run = make_run(state)
    (run.tree / "src" / "a.py").write_text("two")
    (run.tree / "token").write_text("made by the run")
    assert make_mirror(run.session)
    kept = mirror_path(run.session.info.project) / "tree"
    assert sorted(path.name for path in kept.rglob("*")) == ["b.py", "src"]
    # What it says of itself says so, once, and not when it would say much.
    stated = Holding(digest=run.manifest.digest, without=("src/a.py",))
    assert (take_holding(kept.parent), take_holding(kept.parent)) == (stated, None)
    state_holding(kept.parent, Holding(digest="d", without=("f",) * 2000))
    assert take_holding(kept.parent) is None


def test_a_newer_mirror_takes_the_place_of_an_older(state: Path) -> None:
    assert make_mirror(make_run(state, text="old").session)
    newer = make_run(state, text="new")
    assert make_mirror(newer.session)
    assert verify(mirror_path(newer.session.info.project) / "tree", newer.manifest) == ()
    assert not [path for path in (state / "mirrors").iterdir() if path.suffix]


def test_a_run_waits_in_line_once_and_copies_what_came_last(state: Path) -> None:
    assert make_mirror(make_run(state, "/home/ann/other").session)
    run = make_run(state, text="old")
    place = run.session.path / "mirror.lock"
    with (state / "mirrors" / "lock").open("ab") as busy, ThreadPoolExecutor(1) as pool:
        fcntl.flock(busy, fcntl.LOCK_EX)
        waiting = pool.submit(make_mirror, run.session)
        wait_until(lambda: place.exists() and is_locked(place))
        (run.tree / "src" / "a.py").write_text("new")
        newest = capture_paths(run.tree, [found.path for found in walk(run.tree).found])
        write_manifest(run.session.path / "manifest.json", newest)
        assert not make_mirror(run.session)
        fcntl.flock(busy, fcntl.LOCK_UN)
        assert waiting.result(timeout=60)
    assert verify(mirror_path(run.session.info.project) / "tree", newest) == ()
    assert not is_locked(place)


def is_locked(path: Path) -> bool:
    with path.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_too_many_and_too_old_ones_go(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "KEPT", 3)
    projects = [f"/p{number}" for number in range(5)]
    for age, project in enumerate(projects):
        assert make_mirror(make_run(state, project).session)
        at = 10**9 if age == 4 else 2 * 10**9 + age
        os.utime(mirror_path(project), (at, at))
    unfinished = state / "mirrors" / "of-a-killed-one.new"
    unfinished.mkdir()
    assert make_mirror(make_run(state, "/last").session)
    left = [project for project in [*projects, "/last"] if mirror_path(project).exists()]
    assert left == ["/p2", "/p3", "/last"]
    assert not unfinished.exists()
    assert forget_mirrors() == 3
    assert [path.name for path in (state / "mirrors").iterdir()] == ["lock"]


def test_a_full_disk_gets_none(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(state)

    def tell_little(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=10**9)

    monkeypatch.setattr("remote.mirror.shutil.disk_usage", tell_little)
    assert not make_mirror(run.session)
    assert not mirror_path(run.session.info.project).exists()
