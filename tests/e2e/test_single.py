"""Never in two places: what else is tried while a session moves finds nothing to start, and is told why."""

import asyncio
import errno
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

import snapshot.home
from agent.errors import AgentError
from agent.lease import read_lease, write_lease
from agent.protocol import Lease
from agent.runner_lock import is_served
from agent.sessions import open_session
from remote.errors import ConnectionLost
from remote.handoff import hand_off
from remote.host_client import HostClient
from remote.links import Links
from remote.local import attach_running, open_local, start_runner
from remote.pull import pull_back
from remote.reclaim import reclaim
from remote.runs import list_runs
from remote.steps import Away, HandoffStep, Home, PullStep, StillHere
from remote.terms import Decision, Terms
from tests.e2e.journey import drive, fill_project, follow, tree_of, wait_for_run
from tests.e2e.scene import Scene, start_task


async def go_to(where: str, steps: AsyncGenerator[HandoffStep | PullStep, Decision | None]) -> HandoffStep | PullStep:
    """Drive a move until it has come to the step ``where``, and leave it there."""
    step = await anext(steps)
    while step.step != where:
        assert not isinstance(step, StillHere), step
        step = await steps.asend("go")
    return step


async def finish(steps: AsyncGenerator[HandoffStep | PullStep, Decision | None]) -> HandoffStep | PullStep:
    """Drive the rest."""
    step = await steps.asend("go")
    try:
        while True:
            step = await steps.asend("go")
    except StopAsyncIteration:
        return step


async def test_second_handoff_while_one_is_under_way(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    first = hand_off(session, scene.links.host("vm"), Terms(), scene.links)
    await go_to("captured", first)
    other = Links(scene.links.settings)
    told = (await drive(hand_off(session, other.host("vm"), Terms(), other)))[-1]
    assert isinstance(told, StillHere) and told.code == "being-moved" and told.way_out
    assert isinstance(await finish(first), Away)


async def test_two_handoffs_at_once(scene: Scene) -> None:
    """Pressed twice, or from two apps: one moves the session, the other is told."""
    fill_project(scene.place)
    session = scene.session()
    others = [Links(scene.links.settings) for _ in range(2)]
    moves = [drive(hand_off(session, links.host("vm"), Terms(), links)) for links in others]
    ends = [steps[-1] for steps in await asyncio.gather(*moves)]
    for links in others:
        await links.close()
    won = [end for end in ends if isinstance(end, Away)]
    told = [end for end in ends if isinstance(end, StillHere)]
    assert len(won) == 1 and [end.code for end in told] == ["being-moved"], ends
    assert read_lease(session).state == "away"


@pytest.mark.parametrize("where", ["captured", "offered"])
async def test_a_pull_while_the_session_is_handed_off(scene: Scene, where: str) -> None:
    fill_project(scene.place)
    session = scene.session()
    moving = hand_off(session, scene.links.host("vm"), Terms(), scene.links)
    await go_to(where, moving)
    other = Links(scene.links.settings)
    told = (await drive(pull_back(other, "vm", session.id)))[-1]
    await other.close()
    assert isinstance(told, StillHere) and told.code == "being-moved" and told.way_out
    assert isinstance(await finish(moving), Away)


async def test_two_laptops_pull_one_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one's state is a copy, as of a restored backup: one gets the run, the other is told, twice."""
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    first, second = scene.place.root / "state", scene.place.root / "copied"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("*.sock"))
    pulling = pull_back(scene.links, "vm", session.id)
    await go_to("verified", pulling)
    monkeypatch.setenv("CASTOFF_STATE", str(second))
    other = Links(scene.links.settings)
    before = tree_of(scene.place.project)
    told = (await drive(pull_back(other, "vm", session.id)))[-1]
    assert isinstance(told, StillHere) and told.code == "being-moved" and told.way_out, told
    monkeypatch.setenv("CASTOFF_STATE", str(first))
    home = await finish(pulling)
    assert isinstance(home, Home), home
    monkeypatch.setenv("CASTOFF_STATE", str(second))
    told = (await drive(pull_back(other, "vm", session.id)))[-1]
    await other.close()
    assert isinstance(told, StillHere) and told.code == "not-owner" and "not here any more" in told.reason, told
    assert tree_of(scene.place.project) == before
    assert read_lease(session).state == "held"
    assert read_lease(open_session(second / "sessions" / session.id)).state == "away"


async def test_a_run_is_reclaimed_and_its_host_hears_of_it_later(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    there = open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)

    async def be_gone(*_: object) -> HostClient:
        raise ConnectionLost("vm does not answer.", "Try again.")

    with monkeypatch.context() as gone:
        gone.setattr(Links, "client", be_gone)
        done = await reclaim(session, scene.links)
    assert done.untold == "vm does not answer."
    assert read_lease(session) == Lease(epoch=4, to="vm")
    viewer = await open_local(session)
    state = await follow(viewer, lambda state: state.epoch == 4 and state.location == "here")
    assert any("by force from vm" in block.text for block in state.blocks if block.type == "note")
    await viewer.stop()
    await viewer.close()
    assert read_lease(there).state == "held" and is_served(there), "nobody has told it yet"
    refused = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(refused, StillHere) and refused.code == "not-owner"
    assert session.id not in [run.run_id for run in (await list_runs(scene.links)).runs]
    assert read_lease(there).state == "away" and not is_served(there)
    assert read_lease(session) == Lease(epoch=4)
    assert isinstance(await scene.move(session), Away)


@pytest.mark.parametrize("where", ["captured", "verified", "offered"])
async def test_no_runner_starts_here_while_the_session_moves(scene: Scene, where: str) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    moving = hand_off(session, scene.links.host("vm"), Terms(), scene.links)
    await go_to(where, moving)
    before = session.journal.read_bytes()
    assert await asyncio.to_thread(start_runner(session).wait) != 0
    assert await attach_running(session) is None
    assert session.journal.read_bytes() == before
    assert isinstance(await finish(moving), Away)


async def test_a_closed_handoff_gives_the_session_back(scene: Scene) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    async with aclosing(hand_off(session, scene.links.host("vm"), Terms(), scene.links)) as moving:
        await go_to("captured", moving)
    assert read_lease(session).state == "held"
    viewer = await attach_running(session)
    assert viewer is not None
    await viewer.stop()
    await viewer.close()


async def test_no_runner_starts_there_while_the_run_is_pulled(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    pulling = pull_back(scene.links, "vm", session.id)
    await go_to("verified", pulling)
    there = open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)
    before = there.journal.read_bytes()
    assert is_served(there)
    other = Links(scene.links.settings)
    attaching = asyncio.create_task(other.attach("vm", session.id))
    home = await finish(pulling)
    assert isinstance(home, Home), home
    with pytest.raises(AgentError):
        await attaching
    await other.close()
    assert there.journal.read_bytes() == before
    assert read_lease(there).state == "away" and read_lease(session).state == "held"


async def test_a_pull_given_up_leaves_the_run_working_there(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    before = tree_of(scene.place.project)
    async with aclosing(pull_back(scene.links, "vm", session.id)) as pulling:
        await go_to("verified", pulling)
    assert tree_of(scene.place.project) == before
    viewer = await scene.links.attach("vm", session.id)
    await viewer.close()
    assert read_lease(session).state == "away"
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home


async def test_a_pull_given_up_in_mid_turn_lets_the_run_go_on(scene: Scene) -> None:
    """And the agent, which began its session anew on the host because nothing was said here, continues it at home."""
    fill_project(scene.place)
    session = scene.session()
    viewer = await open_local(session)
    await follow(viewer, lambda state: state.phase == "idle")
    await viewer.close()
    terms = Terms(say="Do it. [[script: slow]]")
    away = (await drive(hand_off(session, scene.links.host("vm"), terms, scene.links)))[-1]
    assert isinstance(away, Away), away
    await wait_for_run(scene.host, session.id, lambda state: bool(state.running))
    async with aclosing(pull_back(scene.links, "vm", session.id, drain_seconds=0.2)) as pulling:
        await go_to("verified", pulling)
    state = await wait_for_run(scene.host, session.id, lambda state: state.phase in ("finished", "failed"))
    assert state.phase == "finished" and state.turns == 2, state.detail
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    viewer = await open_local(session)
    state = await follow(viewer, lambda s: s.epoch == home.epoch and s.phase in ("finished", "idle", "failed"))
    assert state.phase == "finished", state.detail
    await viewer.stop()
    await viewer.close()


async def test_a_pull_that_fails_once_the_tree_changes_waits_for_the_same_command(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    assert isinstance(await scene.move(session), Away)
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    there = open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)
    real = snapshot.home.apply

    def apply_and_fail(*given: Any, **named: Any) -> snapshot.home.Applied:
        monkeypatch.setattr(snapshot.home, "apply", real)
        real(*given, **named)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(snapshot.home, "apply", apply_and_fail)
    told = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(told, StillHere) and told.code == "local-full" and told.way_out, told
    assert (read_lease(session).state, read_lease(there).state) == ("away", "offered")
    assert not is_served(there)
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"


async def test_a_full_disk_here_leaves_the_session_at_work(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = await start_task(scene)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("remote.cargo.pack_parcel", fail)
    told = await scene.move(session)
    assert isinstance(told, StillHere) and told.code == "local-full" and told.way_out, told
    viewer = await attach_running(session)
    assert viewer is not None
    await follow(viewer, lambda state: state.phase == "finished" and state.turn is None and not state.queue)
    await viewer.stop()
    await viewer.close()


@pytest.mark.parametrize("tries", [1, 2])
async def test_a_lost_answer_to_the_offer_is_settled_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """The host took the session, but its answer was lost: asked again, it says that it has it, and of which history."""
    monkeypatch.setattr("remote.endurance._TRIES", tries)
    fill_project(scene.place)
    session = await start_task(scene)
    lose_answer_to(monkeypatch, "accept", after=True)
    assert isinstance(await scene.move(session), Away)
    assert read_lease(session).state == "away"


async def test_an_offer_that_never_arrived_is_made_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    lose_answer_to(monkeypatch, "accept", after=False)
    assert isinstance(told := await scene.move(session), Away), told
    lease = read_lease(session)
    assert (lease.epoch, lease.state) == (2, "away")


async def test_an_offer_that_never_arrived_is_taken_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.endurance._TRIES", 1)
    fill_project(scene.place)
    session = await start_task(scene)
    lose_answer_to(monkeypatch, "accept", after=False)
    told = await scene.move(session)
    assert isinstance(told, StillHere), told
    lease = read_lease(session)
    # Two higher: the host has promised never to take the epoch that it was offered.
    assert (lease.epoch, lease.state) == (3, "held")
    again = await scene.move(session)
    assert isinstance(again, Away), again


async def test_a_host_that_never_heard_of_the_homecoming_is_told_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    lose_answer_to(monkeypatch, "confirm", after=False)
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    there = open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)
    assert (read_lease(session).state, read_lease(there).state) == ("held", "offered")
    assert session.id not in [run.run_id for run in (await list_runs(scene.links)).runs]
    assert read_lease(there).state == "away"


def lose_answer_to(monkeypatch: pytest.MonkeyPatch, op: str, *, after: bool) -> None:
    """The link breaks once: before the request ``op`` leaves, or after it was carried out."""
    real, broken = HostClient._exchange, False  # pyright: ignore[reportPrivateUsage]  # the seam where a link breaks

    async def exchange(self: HostClient, line: bytes) -> bytes:
        nonlocal broken
        if broken or f'"op":"{op}"'.encode() not in line:
            return await real(self, line)
        broken = True
        if after:
            await real(self, line)
        raise ConnectionLost("The connection to vm was lost before its answer was complete.", "Again.")

    monkeypatch.setattr(HostClient, "_exchange", exchange)


async def test_planted_bug_a_lease_that_is_given_up_late_is_seen(scene: Scene) -> None:
    """The guard's own test: were the lease still held while the host has the session, a runner would start here."""
    fill_project(scene.place)
    session = scene.session()
    held = read_lease(session)
    assert isinstance(await scene.move(session), Away)
    write_lease(session, held)
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
