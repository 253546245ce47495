"""The local runner as a process of its own: started at need, found again, killed, drained."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo_model.reply import Call, Reply
from agent.durable import read_model
from agent.errors import NotOwner, RunnerBusy, ViewerGone
from agent.events import AgentStarted, PhaseChanged, TurnEnded
from agent.lease import Lease, write_lease
from agent.reception import RunnerRecord
from agent.runner_lock import hold, hold_move, is_served
from agent.sessions import SessionDir, create_session
from agent.viewer import Viewer
from remote import local
from remote.local import attach_running, drain_local, open_local, quiet
from tests.agent.running import Place, Running, seqs_are_whole
from tests.doubles.openai_model import model_environment, serving
from tests.waiting import until

SCRIPTS = {
    "greet": [Reply("Hello.")],
    "forever": [Reply("Now. ", (Call("run", {"command": "echo $$ > begun; sleep 300"}),)), Reply("Never.")],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("home", "state", "config", "data"):
        (tmp_path / name).mkdir(mode=0o700)
        monkeypatch.setenv("HOME" if name == "home" else f"CASTOFF_{name.upper()}", str(tmp_path / name))
    tree = tmp_path / "a tree"
    tree.mkdir()
    session = create_session(tmp_path / "state", tree, "builtin")
    with serving(SCRIPTS, tmp_path / "requests.jsonl") as (model, port):
        for name, value in model_environment(port).items():
            monkeypatch.setenv(name, value)
        yield Place(session, tree, model)
        end_runner(session)


def end_runner(session: SessionDir) -> None:
    path = session.path / "runner.json"
    if path.exists():
        os.kill(runner_pid(session), signal.SIGTERM)


def runner_pid(session: SessionDir) -> int:
    return read_model(session.path / "runner.json", RunnerRecord).pid


def watch(viewer: Viewer) -> Running:
    return Running(viewer, asyncio.create_task(asyncio.sleep(0)))


async def test_one_runner_for_all_who_open_at_once(place: Place) -> None:
    assert await attach_running(place.session) is None
    viewers = await asyncio.gather(*(open_local(place.session) for _ in range(3)))
    pid = runner_pid(place.session)
    await viewers[0].prompt("Please [[script: greet]]")
    states = [await watch(viewer).until(lambda s: s.phase == "finished") for viewer in viewers]
    assert states[0] == states[1] == states[2]
    for viewer in viewers:
        await viewer.close()
    again = await open_local(place.session, after_seq=states[0].head_seq)
    assert runner_pid(place.session) == pid
    await again.stop()
    await again.close()
    # It may still be ending: opening waits for that, and starts another.
    another = await open_local(place.session)
    assert runner_pid(place.session) != pid
    await another.close()
    await drain_local(place.session, 10)
    assert not is_served(place.session)
    assert seqs_are_whole(place)
    await drain_local(place.session, 10)


async def test_a_runner_that_takes_over_while_the_first_is_drained_is_drained_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Viewer.drain

    async def drain_and_open_again(viewer: Viewer, deadline: float) -> None:
        monkeypatch.setattr(Viewer, "drain", real)
        await real(viewer, deadline)
        await (await open_local(place.session)).close()

    await (await open_local(place.session)).close()
    monkeypatch.setattr(Viewer, "drain", drain_and_open_again)
    async with quiet(place.session, 1):
        assert is_served(place.session) and await attach_running(place.session) is None
    assert not is_served(place.session)
    assert [e.phase for e in place.events() if isinstance(e, PhaseChanged)].count("drained") == 2
    assert seqs_are_whole(place)


async def test_whoever_asks_again_waits_for_the_same_drain(place: Place) -> None:
    viewer = await open_local(place.session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Please [[script: forever]]")
    await until((place.tree / "begun").exists)
    first = asyncio.create_task(viewer.drain(2))
    await watch(viewer).until(lambda s: s.phase == "draining")
    await drain_local(place.session, 10)
    await first
    await viewer.close()
    assert not is_served(place.session)


async def test_killed_in_mid_turn(place: Place) -> None:
    viewer = await open_local(place.session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Please [[script: forever]]")
    await until((place.tree / "begun").exists)
    os.kill(runner_pid(place.session), signal.SIGKILL)
    with pytest.raises(ViewerGone):
        async for _ in viewer.batches():
            pass
    await viewer.close()
    seen = len(place.events())

    viewer = await open_local(place.session)
    state = await watch(viewer).until(lambda s: s.phase == "idle")
    assert (state.turn, state.interrupted_turn is not None, len(state.interrupted_calls)) == (None, True, 1)
    assert [e.stop_reason for e in place.events() if isinstance(e, TurnEnded)] == ["crash"]
    await viewer.close()
    viewer = await open_local(place.session, after_seq=state.head_seq)
    await viewer.resume()
    await watch(viewer).until(lambda s: s.head_seq > state.head_seq and s.phase in ("finished", "failed"))
    await viewer.stop()
    await viewer.close()
    await until(lambda: not is_served(place.session))
    assert seqs_are_whole(place) and len(place.events()) > seen
    assert [e.resumed for e in place.events() if isinstance(e, AgentStarted)] == ["new", "resume"]


async def test_a_runner_that_is_told_to_end_leaves_no_agent(place: Place) -> None:
    viewer = await open_local(place.session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Please [[script: forever]]")
    await until((place.tree / "begun").exists)
    os.kill(runner_pid(place.session), signal.SIGTERM)
    with pytest.raises(ViewerGone):
        async for _ in viewer.batches():
            pass
    await viewer.close()
    await until(lambda: not is_served(place.session))
    pid = (place.tree / "begun").read_text().strip()
    await until(lambda: not Path(f"/proc/{pid}").exists())
    assert "Traceback" not in (place.session.path / "runner.log").read_text()


@pytest.mark.parametrize(
    ("lease", "told"),
    [
        (Lease(epoch=2, state="away", to="vm"), "is on vm now"),
        (Lease(epoch=1, state="offered", to="vm"), "on its way to vm"),
    ],
)
async def test_a_session_that_is_elsewhere_is_told_as_such(place: Place, lease: Lease, told: str) -> None:
    """And no runner is started only to say so."""
    write_lease(place.session, lease)
    with pytest.raises(NotOwner, match=told):
        await open_local(place.session)
    assert not (place.session.path / "runner.log").exists()


async def test_a_session_that_is_being_moved_is_told_as_such(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_START_SECONDS", 1.0)
    with hold_move(place.session):
        async with hold(place.session):
            with pytest.raises(RunnerBusy, match="is moving this session"):
                await open_local(place.session)


async def test_whoever_waits_for_the_end_of_a_move_hears_where_it_went(place: Place) -> None:
    async with hold(place.session):
        opening = asyncio.create_task(open_local(place.session))
        await asyncio.sleep(0)  # beyond its first look
        write_lease(place.session, Lease(epoch=2, state="away", to="vm"))
    with pytest.raises(NotOwner, match="is on vm now"):
        await opening
