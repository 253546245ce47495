import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from snapshot import transition
from snapshot.capture import capture
from snapshot.changes import compare, wanted
from snapshot.errors import (
    IncomingDamaged,
    PlacingFailed,
    SnapshotError,
    TreeChanged,
    UndoDamaged,
    UnsafePaths,
)
from snapshot.home import Applied, apply, check_undo, has_begun, read_state, redo, undo
from snapshot.manifest import Entry, Manifest
from snapshot.plan import Choice, Plan, find_questions
from snapshot.verify import Difference, verify
from tests.snapshot.repos import run, write
from tests.snapshot.trees import Shape, build, shapes
from tests.snapshot.trips import Trip


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    """These tests cut processes, not the power: what is written need not reach the disk."""

    def fsync(_handle: int) -> None:
        return None

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


def tree_of(manifest: Manifest) -> Manifest:
    return Manifest(entries=manifest.tree_entries())


def test_what_the_run_changed(trip: Trip) -> None:
    write(trip.there, "README", "changed")
    write(trip.there, "new/file", "n")
    (trip.there / "data/1").unlink()
    (trip.there / "src/app.py").chmod(0o755)
    os.utime(trip.there / "data/2")
    changes = compare(trip.base, trip.theirs())
    assert wanted(changes, ["src/app.py"]) == ("README", "new/file", "src/app.py")
    assert [(c.path, c.change, c.content) for c in changes] == [
        ("README", "modified", True),
        ("data/1", "deleted", False),
        ("new", "added", False),
        ("new/file", "added", True),
        ("src/app.py", "modified", False),
    ]
    assert wanted(changes) == ("README", "new/file")
    assert trip.apply() == Applied(changed=3, deleted=1)
    assert (trip.here / "src/app.py").stat().st_mode & 0o777 == 0o755
    assert compare(capture(trip.here), trip.theirs()) == ()
    assert undo(trip.here, trip.keep) == Applied(changed=3, deleted=1)
    assert verify(trip.here, trip.base) == ()


def test_modes_come_home_masked(trip: Trip) -> None:
    write(trip.there, "tool", "t").chmod(0o6777)
    write(trip.there, "closed", "t").chmod(0o400)
    write(trip.there, "open/x", "t")
    (trip.there / "open").chmod(0o1777)
    trip.apply()
    assert (trip.here / "tool").stat().st_mode & 0o7777 == 0o755
    assert (trip.here / "closed").stat().st_mode & 0o7777 == 0o600
    assert (trip.here / "open").stat().st_mode & 0o7777 == 0o755


@settings(max_examples=150, deadline=None)
@given(base=shapes(), theirs=shapes())
def test_home_and_back(base: Shape, theirs: Shape) -> None:
    with tempfile.TemporaryDirectory() as name:
        trip = Trip(Path(name), make=False)
        build(trip.here, base)
        build(trip.there, theirs)
        trip.base = capture(trip.here)
        trip.apply()
        assert compare(capture(trip.here), trip.theirs()) == ()
        trip.apply()
        assert compare(capture(trip.here), trip.theirs()) == ()
        undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()


def cut_after(calls: int, trip: Trip, action: str) -> bool:
    """Run ``action`` in a process that dies at its ``calls``-th change to the file system; whether it finished."""
    return _dies_after(calls, trip.apply if action == "apply" else lambda: undo(trip.here, trip.keep))


def cut_after_plan(calls: int, trip: Trip, plan: Plan) -> bool:
    """The same for carrying out a plan."""
    return _dies_after(calls, lambda: apply(trip.here, plan, trip.folders))


def _dies_after(calls: int, action: Callable[[], object]) -> bool:
    child = os.fork()
    if child == 0:
        left = calls

        def dying(name: str) -> None:
            real = getattr(os, name)

            def call(*arguments: object, **named: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return real(*arguments, **named)

            setattr(os, name, call)

        for name in ("rename", "unlink", "rmdir", "mkdir", "symlink", "fchmod"):
            dying(name)
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, 9}
    return status == 0


def everything(root: Path) -> Trip:
    """Each kind of change at once."""
    trip = Trip(root, make=False)
    for path in ("modified", "deleted", "file to dir", "gone/deep/x", "dir to file/a", "dir to file/b/c", "mode"):
        write(trip.here, path, path)
    (trip.here / "link").symlink_to("modified")
    (trip.here / "link to file").symlink_to("modified")
    trip.leave()
    write(trip.there, "modified", "changed")
    (trip.there / "deleted").unlink()
    (trip.there / "file to dir").unlink()
    write(trip.there, "file to dir/inner", "i")
    shutil.rmtree(trip.there / "gone")
    shutil.rmtree(trip.there / "dir to file")
    write(trip.there, "dir to file", "f")
    (trip.there / "mode").chmod(0o755)
    (trip.there / "link").unlink()
    (trip.there / "link").symlink_to("mode")
    (trip.there / "link to file").unlink()
    write(trip.there, "link to file", "l")
    write(trip.there, "new/added", "a")
    return trip


def test_a_cut_anywhere_is_repaired_by_running_again(tmp_path: Path) -> None:
    finished, calls = False, 0
    while not finished:
        trip = everything(tmp_path / f"{calls}")
        finished = cut_after(calls, trip, "apply")
        trip.apply()
        assert compare(capture(trip.here), trip.theirs()) == ()
        undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()
        calls += 1
    assert calls > 15


def test_a_cut_undo_is_repaired_by_running_again(tmp_path: Path) -> None:
    finished, calls = False, 0
    while not finished:
        trip = everything(tmp_path / f"{calls}")
        trip.apply()
        finished = cut_after(calls, trip, "undo")
        undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()
        calls += 1
    assert calls > 10


def test_an_interrupted_apply_can_be_undone(tmp_path: Path) -> None:
    finished, calls = False, 0
    while not finished:
        trip = everything(tmp_path / f"{calls}")
        finished = cut_after(calls, trip, "apply")
        if (trip.keep / "undo.json").exists():
            undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()
        calls += 1
    assert calls > 15


def test_a_cut_pull_of_a_run_that_went_on_is_undone_first(tmp_path: Path) -> None:
    for calls in range(0, 60, 4):
        trip = everything(tmp_path / f"{calls}")
        cut_after(calls, trip, "apply")
        write(trip.there, "modified", "changed again")
        (trip.there / "new/added").unlink()
        write(trip.there, "a first one", "renumbers the rest")
        trip.apply()
        assert compare(capture(trip.here), trip.theirs()) == ()
        undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()


def test_a_failed_rename_leaves_no_rest(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trip.there, "README", "theirs")
    real = os.rename

    def full(source: str, target: str, **named: int) -> None:
        if target == "README":
            raise OSError(28, "No space left on device")
        real(source, target, **named)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(PlacingFailed, match="No space left"):
        trip.apply()
    assert verify(trip.here, trip.base) == ()


def test_an_edit_while_the_original_is_kept_is_the_users(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trip.there, "README", "theirs")
    real = transition.write_part

    def write_part(*arguments: int | str | Entry, **named: int | SnapshotError) -> None:
        write(trip.here, "README", "mine at the last moment")
        real(*arguments, **named)  # pyright: ignore[reportArgumentType] - passed on as it came

    monkeypatch.setattr(transition, "write_part", write_part)
    with pytest.raises(TreeChanged):
        trip.apply()
    assert (trip.here / "README").read_text() == "mine at the last moment"


@pytest.mark.parametrize("content", [None, "other"])
def test_a_damaged_undo_says_so(trip: Trip, content: str | None) -> None:
    write(trip.there, "README", "theirs")
    trip.apply()
    (kept,) = (trip.keep / "files").iterdir()
    kept.unlink() if content is None else kept.write_text(content)
    with pytest.raises(UndoDamaged, match="README"):
        undo(trip.here, trip.keep)
    assert (trip.here / "README").read_text() == "theirs"


@pytest.mark.parametrize("edit", ["README", "data/1", "new"])
def test_an_edit_after_the_plan_stops_before_anything_is_touched(trip: Trip, edit: str) -> None:
    write(trip.there, "AAA", "first")
    write(trip.there, "README", "theirs")
    write(trip.there, "new", "theirs")
    (trip.there / "data/1").unlink()
    plan = trip.plan()
    write(trip.here, edit, "mine")
    before = tree_of(capture(trip.here))
    with pytest.raises(TreeChanged) as caught:
        apply(trip.here, plan, trip.folders)
    assert caught.value.paths == (edit,)
    assert tree_of(capture(trip.here)) == before
    assert not has_begun(trip.keep)


def test_an_edit_in_the_middle_stops_the_rest(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        write(trip.there, f"data/{name}", name)
        write(trip.there, f"data/{name}", name)
    real = os.rename

    def rename(source: str, target: str, **named: int) -> None:
        real(source, target, **named)
        if target == "a":
            write(trip.here, "data/b", "mine")

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(TreeChanged) as caught:
        trip.apply()
    assert caught.value.paths == ("data/b",)
    assert (trip.here / "data/b").read_text() == "mine"
    assert (trip.here / "data/a").exists()
    assert not (trip.here / "data/c").exists()


def test_an_edit_during_the_copy_is_never_overwritten(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trip.there, "README", "theirs")
    real = os.fchmod

    def fchmod(handle: int, mode: int) -> None:
        real(handle, mode)
        if mode != 0o600:
            write(trip.here, "README", "mine at the last moment")

    monkeypatch.setattr(os, "fchmod", fchmod)
    with pytest.raises(TreeChanged):
        trip.apply()
    assert (trip.here / "README").read_text() == "mine at the last moment"


def test_ignored_files_are_never_lost(trip: Trip) -> None:
    write(trip.here, "data/cache.pyc", "local")
    shutil.rmtree(trip.there / "data")
    trip.apply()
    assert (trip.here / "data/cache.pyc").read_text() == "local"
    assert not (trip.here / "data/1").exists()
    undo(trip.here, trip.keep)
    assert verify(trip.here, trip.base) == (Difference(path="data/cache.pyc", what="extra"),)


def test_a_directory_with_ignored_files_does_not_give_way(trip: Trip) -> None:
    write(trip.here, "data/cache.pyc", "local")
    shutil.rmtree(trip.there / "data")
    write(trip.there, "data", "now a file")
    (conflict,) = trip.plan().conflicts
    assert (conflict.path, conflict.kind) == ("data", "type")
    assert trip.apply() == Applied(changed=0, deleted=0)
    assert (trip.here / "data/cache.pyc").read_text() == "local"
    assert (trip.here / "data/1").exists()
    assert (trip.folders.run / "data").read_text() == "now a file"


def test_what_comes_into_a_directory_that_gives_way_stops_it(trip: Trip) -> None:
    shutil.rmtree(trip.there / "data")
    write(trip.there, "data", "now a file")
    plan = trip.plan()
    write(trip.here, "data/late", "mine")
    with pytest.raises(TreeChanged) as caught:
        apply(trip.here, plan, trip.folders)
    assert caught.value.paths == ("data/late",)
    assert (trip.here / "data/1").exists()


def test_a_planted_link_is_not_followed(trip: Trip, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, "1", "1")
    write(trip.there, "data/1", "theirs")
    write(trip.there, "data/new", "theirs")
    plan = trip.plan()
    shutil.rmtree(trip.here / "data")
    (trip.here / "data").symlink_to(outside)
    with pytest.raises(TreeChanged):
        apply(trip.here, plan, trip.folders)
    (conflict,) = trip.plan().conflicts
    assert (conflict.path, conflict.kind) == ("data", "type")
    trip.apply()
    assert (outside / "1").read_text() == "1"
    assert not (outside / "new").exists()


def test_a_link_in_quarantine_is_not_followed(trip: Trip, tmp_path: Path) -> None:
    write(trip.there, "README", "theirs")
    plan = trip.plan()
    secret = write(tmp_path, "secret", "theirs")
    (trip.folders.run / "README").unlink()
    (trip.folders.run / "README").symlink_to(secret)
    with pytest.raises(IncomingDamaged):
        apply(trip.here, plan, trip.folders)
    assert (trip.here / "README").read_text() == "one\ntwo\n"


@pytest.mark.parametrize("spoil", ["missing", "flipped", "short"])
def test_what_arrived_damaged_is_not_placed(trip: Trip, spoil: str) -> None:
    write(trip.there, "README", "theirs")
    plan = trip.plan()
    if spoil == "missing":
        (trip.folders.run / "README").unlink()
    else:
        write(trip.folders.run, "README", "theirS" if spoil == "flipped" else "their")
    with pytest.raises(IncomingDamaged):
        apply(trip.here, plan, trip.folders)
    assert verify(trip.here, trip.base) == ()
    write(trip.folders.run, "README", "theirs")
    apply(trip.here, plan, trip.folders)
    assert (trip.here / "README").read_text() == "theirs"


def test_unsafe_paths_touch_nothing(trip: Trip) -> None:
    write(trip.there, "AAA", "first")
    (trip.there / "zz").symlink_to("../../etc")
    with pytest.raises(UnsafePaths, match="link out of this folder"):
        trip.apply()
    assert verify(trip.here, trip.base) == ()


def test_git_never_comes_home(trip: Trip) -> None:
    write(trip.there, ".git/hooks/post-checkout", "#!/bin/sh\n")
    run(trip.there, "checkout", "-qb", "other")
    run(trip.there, "config", "core.fsmonitor", "touch owned")
    assert trip.apply() == Applied(changed=0, deleted=0)
    assert verify(trip.here, trip.base) == ()


def test_a_mass_deletion_is_asked_about(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    for number in range(42):
        write(trip.here, f"{number}")
    trip.leave()
    for number in range(21):
        (trip.there / f"{number}").unlink()
    assert find_questions(trip.base, trip.theirs(), trip.folders, trip.read_left).mass_deletion is None
    assert trip.apply(Choice()).deleted == 21
    undo(trip.here, trip.keep)
    (trip.there / "30").unlink()
    shutil.rmtree(trip.keep)
    assert find_questions(trip.base, trip.theirs(), trip.folders, trip.read_left).mass_deletion == (22, 42)
    plan = trip.plan(Choice())
    assert {held.why for held in plan.held} == {"deletion"} and len(plan.held) == 22
    assert apply(trip.here, plan, trip.folders).deleted == 0
    assert verify(trip.here, trip.base) == ()
    shutil.rmtree(trip.keep)
    assert trip.apply(Choice(deletions=True)).deleted == 22


def test_an_emptied_tree_is_asked_about(tmp_path: Path) -> None:
    trip = Trip(tmp_path, make=False)
    write(trip.here, "only")
    trip.leave()
    (trip.there / "only").unlink()
    assert find_questions(trip.base, trip.theirs(), trip.folders, trip.read_left).mass_deletion == (1, 1)
    assert trip.apply(Choice()).deleted == 0
    assert (trip.here / "only").exists()


def test_the_undo_of_another_pull_is_not_overwritten(trip: Trip) -> None:
    write(trip.there, "README", "one")
    trip.apply()
    write(trip.here, "data/1", "mine, and it left so")
    trip.base = capture(trip.here)
    with pytest.raises(UndoDamaged, match="another pull"):
        apply(trip.here, trip.plan(), trip.folders)
    with pytest.raises(UndoDamaged):
        undo(trip.here, trip.keep / "nothing here")


def test_undo_does_not_overwrite_later_work(trip: Trip) -> None:
    write(trip.there, "README", "theirs")
    trip.apply()
    write(trip.here, "README", "mine, later")
    with pytest.raises(TreeChanged):
        undo(trip.here, trip.keep)
    assert (trip.here / "README").read_text() == "mine, later"


def test_a_full_or_closed_disk_is_one_sentence(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    write(trip.there, "README", "theirs")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("replace", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(PlacingFailed, match="No space left"):
                trip.apply()
    assert verify(trip.here, trip.base) == ()
    trip.apply()
    assert (trip.here / "README").read_text() == "theirs"


def test_an_undo_can_be_undone(trip: Trip) -> None:
    write(trip.there, "README", "theirs")
    write(trip.there, "new/file", "n")
    (trip.there / "data/1").unlink()
    trip.apply()
    after = capture(trip.here)
    with pytest.raises(UndoDamaged, match="not undone"):
        redo(trip.here, trip.keep)
    for _ in range(2):
        undo(trip.here, trip.keep)
        assert verify(trip.here, trip.base) == ()
        assert read_state(trip.keep).undone
        redo(trip.here, trip.keep)
        assert verify(trip.here, after) == ()
        assert not read_state(trip.keep).undone


def test_what_stands_in_the_way_of_an_undo_is_told_whole(trip: Trip) -> None:
    for name in ("README", "data/1", "data/2"):
        write(trip.there, name, "theirs")
    trip.apply()
    assert check_undo(trip.here, trip.keep) == ()
    for name in ("README", "data/2"):
        write(trip.here, name, "mine, later")
    assert check_undo(trip.here, trip.keep) == ("README", "data/2")
    with pytest.raises(TreeChanged) as caught:
        undo(trip.here, trip.keep)
    assert caught.value.paths == ("README", "data/2") and "pull" not in caught.value.way_out
    assert (trip.here / "data/1").read_text() == "theirs"
