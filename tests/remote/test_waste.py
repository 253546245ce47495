"""What may be thrown away, here and on a host; and what never is."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.durable import write_model
from agent.lease import Lease, write_lease
from agent.runner_lock import hold_move
from agent.sessions import SessionDir, create_session
from remote import waste_there
from remote.boot import BootHook
from remote.host_accept import prepare
from remote.host_protocol import Prepare, Room
from remote.keeper import find_keeper
from remote.waste import DAY, KEPT_UNDOS, Doomed, Waste, beyond_kept
from remote.waste_here import find_here, prune_moves, remove_here
from remote.waste_there import find_there, remove_there
from snapshot import home
from snapshot.plan import Plan, dump_plan
from tests.remote.test_keeper import begin
from tests.waiting import wait_until

LONG_AGO = time.time() - 100 * DAY


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def session(state: Path, tmp_path: Path) -> SessionDir:
    (tmp_path / "shop").mkdir()
    return create_session(state, tmp_path / "shop", "builtin")


def age(path: Path, at: float = LONG_AGO) -> Path:
    for each in sorted(path.rglob("*")) if path.is_dir() else ():
        os.utime(each, (at, at), follow_symlinks=False)
    os.utime(path, (at, at))
    return path


def make_pull(session: SessionDir, epoch: int, *, at: float = LONG_AGO, done: bool = True) -> Path:
    """The record of a pull that changed nothing any more to be looked at."""
    keep = session.move(epoch) / "keep"
    (keep / "files").mkdir(parents=True)
    (keep / "files" / "0").write_text("what was here")
    (keep / "undo.json").write_bytes(dump_plan(Plan(base="b", theirs="t", placements=(), conflicts=(), held=())))
    if done:
        (keep / "done").touch()
    (session.move(epoch) / "receipt.json").touch()
    age(keep, at)
    return keep


def keys(found: tuple[Waste, ...]) -> set[str]:
    return {each.key for each in found}


def test_the_kinder_of_two_rules_counts() -> None:
    times = [1000.0 * DAY - 3 * number * DAY for number in range(30)]
    gone = beyond_kept(times, float, 1000 * DAY, 30)
    assert gone == times[11:]
    assert beyond_kept(times, float, 1000 * DAY, 80) == times[27:]
    assert beyond_kept(times, float, 1000 * DAY, 0) == times[KEPT_UNDOS:]
    assert beyond_kept(times[:KEPT_UNDOS], float, 9000 * DAY, 0) == []


def test_old_undos_go_and_the_rest_of_their_pull_stays(session: SessionDir) -> None:
    keeps = [make_pull(session, epoch) for epoch in range(1, KEPT_UNDOS + 4)]
    cut = make_pull(session, 90, done=False)
    make_pull(session, 91, at=time.time())
    gone = {f"undo:{session.id}/{epoch}" for epoch in (1, 2, 3, 4)}
    assert keys(find_here()) == gone
    assert all(each.size > len("what was here") for each in find_here())
    assert find_here(days=200) == ()
    assert keys(remove_here({f"undo:{session.id}/2", f"undo:{session.id}/9"})) == {f"undo:{session.id}/2"}
    assert not keeps[1].exists() and (keeps[1].parent / "receipt.json").exists() and keeps[0].exists()
    prune_moves(session)
    assert [keep.exists() for keep in keeps] == [False] * 4 + [True] * (KEPT_UNDOS - 1)
    assert home.has_begun(cut)
    assert find_here() == ()


def test_what_each_move_copies_goes_ten_round_trips_later(session: SessionDir) -> None:
    for epoch in range(1, 2 * KEPT_UNDOS + 4):
        move = session.move(epoch)
        (move / "receipt.json").touch()
        (move / "manifest.json").write_text("123")
        (move / "home-before").mkdir()
        (move / "home-before" / "talk").write_text("4567")
    assert [(each.key, each.size) for each in find_here()] == [
        (f"move-copy:{session.id}/{epoch}", 7) for epoch in (3, 2, 1)
    ]
    prune_moves(session)
    left = {epoch: sorted(path.name for path in session.move(epoch).iterdir()) for epoch in (1, 3, 4, 23)}
    assert left[1] == left[3] == ["receipt.json"]
    assert left[4] == left[23] == ["home-before", "manifest.json", "receipt.json"]


def test_rests_of_moves_go_only_while_nothing_waits_for_them(session: SessionDir) -> None:
    for name in ("parcel", "overlay"):
        (session.move(7) / name).mkdir()
        (session.move(7) / name / "file").write_text("12345")
    assert find_here() == (), "it may still be made"
    age(session.move(7))
    assert [(each.key, each.size) for each in find_here()] == [(f"transfer:{session.id}/7", 10)]
    for state in ("offered", "away"):
        write_lease(session, Lease(epoch=1, state=state, to="vm"))
        assert find_here() == ()
    write_lease(session, Lease(epoch=1))
    with hold_move(session):
        assert remove_here({f"transfer:{session.id}/7"}) == ()
    assert keys(remove_here({f"transfer:{session.id}/7"})) == {f"transfer:{session.id}/7"}
    assert list(session.move(7).iterdir()) == []


class Host:
    """A host's state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def run(self, run_id: str, state: str, *, at: float = LONG_AGO) -> Path:
        path = create_session(self.state, Path("/shop"), "builtin").path
        path = path.rename(path.with_name(run_id))
        (path / "session.json").write_text((path / "session.json").read_text().replace(path.name, run_id))
        for folder in ("trees", "homes"):
            (self.state / folder / run_id / "locked").mkdir(parents=True)
            (self.state / folder / run_id / "locked" / "file").write_text("12345")
            (self.state / folder / run_id / "locked").chmod(0o500)
        (path / "lease.json").write_text(Lease.model_validate({"epoch": 4, "state": state}).model_dump_json())
        age(path / "lease.json", at)
        return path

    def arriving(self, run_id: str, *, at: float = LONG_AGO) -> Path:
        path = self.state / "incoming" / run_id / "tree"
        path.mkdir(parents=True)
        (path / "part").write_text("123")
        return age(path.parent, at)


@pytest.fixture
def host(state: Path) -> Host:
    return Host(state)


def test_archived_runs_go_but_for_their_lease(host: Host) -> None:
    for state in ("away", "released", "held", "offered"):
        host.run(f"run{state}", state)
    (host.state / "sessions/runaway/keeper.lock").touch()
    host.run("young", "away", at=time.time())
    host.run("coming", "away")
    host.arriving("coming", at=time.time())
    found = find_there(30, ())
    assert keys(found) == {"run:runaway", "run:runreleased"}
    assert all(each.size > 10 for each in found)
    assert keys(find_there(0, ())) == keys(found) | {"run:young"}
    assert keys(remove_there({"run:runaway", "run:runheld", "run:young"}, 30, ())) == {"run:runaway"}
    left = {path.name for path in (host.state / "sessions/runaway").iterdir()}
    assert left == {"lease.json", "runner.lock", "keeper.lock"}, "a lock that is another file locks out nobody"
    assert not (host.state / "trees/runaway").exists() and not (host.state / "homes/runaway").exists()
    assert (host.state / "trees/runheld/locked/file").exists()
    assert Lease.model_validate_json((host.state / "sessions/runaway/lease.json").read_text()).epoch == 4
    assert keys(find_there(30, ())) == {"run:runreleased"}


def test_what_is_kept_by_a_process_is_no_archive(host: Host) -> None:
    kept = begin(host.run("run", "away"), "while [ ! -e go ]; do sleep 0.02; done")
    wait_until(lambda: find_keeper(host.state / "sessions/run") == kept.pid)
    assert find_there(30, ()) == ()
    (host.state / "sessions/run/go").touch()
    assert kept.wait(60) == 0
    assert keys(find_there(30, ())) == {"run:run"}


def test_a_run_that_is_taken_again_meanwhile_stays(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    path = host.run("run", "away")
    listed = list(waste_there._find(30, ()))  # pyright: ignore[reportPrivateUsage] - the moment in between
    (path / "lease.json").write_text(Lease(epoch=5).model_dump_json())

    def find(_days: float, _waiting: tuple[str, ...]) -> list[Doomed]:
        return listed

    monkeypatch.setattr(waste_there, "_find", find)
    assert remove_there({"run:run"}, 30, ()) == ()
    assert (host.state / "trees/run/locked/file").exists()


def test_what_was_sent_and_given_up_goes_unless_somebody_waits(host: Host) -> None:
    for run_id in ("forgotten", "waited-for"):
        host.arriving(run_id)
    host.arriving("now", at=time.time())
    late = host.arriving("late")
    age(late / "tree" / "part", time.time())
    assert keys(find_there(0, {"waited-for"})) == {"arriving:forgotten"}
    remove_there({"arriving:forgotten", "arriving:waited-for"}, 0, {"waited-for"})
    assert sorted(path.name for path in (host.state / "incoming").iterdir()) == ["late", "now", "waited-for"]


def test_what_a_transfer_writes_to_stays_however_long_it_takes(host: Host) -> None:
    for run_id in ("slow", "slower"):
        host.arriving(run_id)
    argv = [sys.executable, "-c", "print(flush=True); input()", "--server", f"{host.state}/incoming/slow/tree"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        assert keys(find_there(0, ())) == {"arriving:slower"}
        process.communicate(b"\n")
    assert keys(find_there(0, ())) == {"arriving:slow", "arriving:slower"}


def test_a_handoff_that_comes_while_its_archive_goes_waits_for_that(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.run("run", "away")
    rooms: list[Room] = []
    coming = threading.Thread(
        target=lambda: rooms.append(asyncio.run(prepare(Prepare(run_id="run", epoch=6, project="/shop"))))
    )
    drop = waste_there._drop  # pyright: ignore[reportPrivateUsage] - the moment in between

    def drop_meanwhile(path: Path) -> None:
        if coming.ident is None:
            coming.start()
            wait_until(lambda: waits_for_a_lock() or not coming.is_alive())
        drop(path)

    monkeypatch.setattr(waste_there, "_drop", drop_meanwhile)
    assert keys(remove_there({"run:run"}, 30, ())) == {"run:run"}
    coming.join()
    assert [room.start for room in rooms] == [""]
    assert list(Path(rooms[0].tree).iterdir()) == []
    assert keys(find_there(0, ())) == set()


def waits_for_a_lock() -> bool:
    """Whether this process does."""
    lines = (line.split() for line in Path("/proc/locks").read_text().splitlines())
    return any("->" in words and str(os.getpid()) in words for words in lines)


def test_what_a_pull_left_on_the_host_goes_with_age(host: Host) -> None:
    for run_id, at in (("old", LONG_AGO), ("new", time.time())):
        parcel = host.run(run_id, "held") / "parcel"
        parcel.mkdir()
        (parcel / "x").write_text("12")
        age(parcel, at)
    assert [(each.key, each.size) for each in find_there(30, ())] == [("transfer:old", 2)]
    remove_there({"transfer:old"}, 30, ())
    assert not (host.state / "sessions/old/parcel").exists() and (host.state / "sessions/new/parcel").exists()


def test_copies_of_projects(host: Host) -> None:
    for name, at in (("old", LONG_AGO), ("new", time.time()), ("cut.new", LONG_AGO)):
        (host.state / "mirrors" / name / "tree").mkdir(parents=True)
        age(host.state / "mirrors" / name, at)
    assert keys(find_there(30, ())) == {"copy:old", "copy:cut.new"}
    remove_there({"copy:old", "copy:cut.new"}, 30, ())
    assert sorted(path.name for path in (host.state / "mirrors").iterdir()) == ["lock", "new"]


@pytest.fixture
def runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    root = tmp_path / "runtimes"
    for name in ("own", "used", "idle", "young", "no-runtime"):
        (root / name / "env/bin").mkdir(parents=True)
        if name != "no-runtime":
            (root / name / "complete.json").write_text('{"runtime_id": "x"}')
            age(root / name / "complete.json", time.time() if name == "young" else LONG_AGO)
    (root / "used/env/bin/python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "prefix", str(root / "own" / "env"))
    yield root


def test_runtimes_that_nothing_uses(runtimes: Path) -> None:
    argv = [str(runtimes / "used/env/bin/python"), "-c", "print(flush=True); input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        assert keys(find_there(30, ())) == {"runtime:idle"}
        assert keys(find_there(0, ())) == {"runtime:idle", "runtime:young"}
        remove_there({"runtime:idle", "runtime:used", "runtime:own"}, 30, ())
        process.communicate(b"\n")
    assert sorted(path.name for path in runtimes.iterdir()) == ["no-runtime", "own", "used", "young"]
    assert keys(find_there(30, ())) == {"runtime:used"}


def test_the_runtime_that_a_restart_would_start_is_used(runtimes: Path, state: Path) -> None:
    state.mkdir(exist_ok=True)
    command = (str(runtimes / "used/env/bin/python"), "-I", "-m", "remote.runner_cli", "revive", str(state))
    write_model(state / "boot.json", BootHook(kind="cron", command=command))
    assert keys(find_there(30, ())) == {"runtime:idle"}
