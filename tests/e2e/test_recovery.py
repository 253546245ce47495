"""Moves that were cut at their worst moments, settled by asking both sides; and both sides checked."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import snapshot.home
from agent.durable import read_model
from agent.lease import read_lease, update_lease, write_lease
from agent.protocol import Lease, offer
from agent.reception import RunnerRecord
from agent.runner_lock import hold_move, is_served
from agent.sessions import SessionDir, open_session
from remote.checkup import check_up
from remote.config import Settings
from remote.departure import Departure
from remote.handoff import hand_off
from remote.homecoming import Homecoming
from remote.keeper import find_keeper
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.recovery import recover
from remote.run import Recovered
from remote.steps import Away, Home
from remote.terms import Terms
from tests.e2e.journey import assert_unbroken, drive, fill_project, tree_of, wait_for_run
from tests.e2e.scene import Scene, start_task


class Killed(BaseException):
    """The process ends here; no clean-up of ours may run."""


async def settle(scene: Scene) -> list[Recovered]:
    """What ``castoff recover`` would tell, from a process of its own."""
    links = Links(scene.links.settings)
    try:
        return [each async for each in recover(links)]
    finally:
        await links.close()


def there(scene: Scene, session: SessionDir) -> SessionDir:
    return open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)


async def cut(scene: Scene, steps: Any) -> None:
    """Drive a move until it is killed, and take its connection away as the death of its process does."""
    with pytest.raises(Killed):
        await drive(steps)
    await scene.links.close()


def kill_in(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> None:
    """The call of ``owner.name`` ends the process, before or after it did its work; so does every clean-up then."""
    real: Callable[..., Any] = getattr(owner, name)

    async def killed(*given: Any, **named: Any) -> Any:
        if after:
            await real(*given, **named)
        raise Killed

    monkeypatch.setattr(owner, name, killed)


async def test_an_offer_that_the_host_took(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    with monkeypatch.context() as patch:
        kill_in(patch, Departure, "accept", after=True)
        await cut(scene, hand_off(session, scene.links.host("vm"), Terms(), scene.links))
    assert read_lease(session).state == "offered"
    (told,) = await settle(scene)
    assert (told.result, told.settled) == ("away", True), told
    assert read_lease(session) == Lease(epoch=2, state="away", to="vm")
    assert read_lease(there(scene, session)) == Lease(epoch=2)
    assert (session.path / "moves/2/receipt.json").exists()
    assert await settle(scene) == [], "nothing is left to settle"
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert_unbroken(session)


async def test_an_offer_that_never_arrived(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_project(scene.place)
    session = scene.session()
    with monkeypatch.context() as patch:
        kill_in(patch, Departure, "accept", after=False)
        await cut(scene, hand_off(session, scene.links.host("vm"), Terms(), scene.links))
    (told,) = await settle(scene)
    assert (told.result, told.settled) == ("here", True), told
    assert read_lease(session) == Lease(epoch=3)
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()


async def test_a_host_that_does_not_answer(scene: Scene) -> None:
    """Nothing is decided: told are the facts, how old they are, and the choices."""
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    assert await settle(scene) == []
    before = read_lease(session)
    nowhere = Settings(scene.place.root / "elsewhere.toml")
    nowhere.add(scene.host.host.model_copy(update={"name": "vm", "port": 1}))
    links = Links(nowhere)
    told = [each async for each in recover(links)]
    await links.close()
    assert [each.result for each in told] == ["waiting"] and not told[0].settled
    known = told[0].known
    assert known is not None and known.files > 0 and known.heard >= known.left > 0
    assert known.run is not None and known.run.run_id == session.id
    assert [word in " ".join(told[0].choices) for word in ("Wait", "castoff recover", "castoff reclaim")] == [True] * 3
    assert read_lease(session) == before


@pytest.mark.parametrize(("step", "state"), [("fetch", "held"), ("apply", "offered")])
async def test_a_pull_that_was_cut_before_anything_changed_here(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str, state: str
) -> None:
    """The host keeps a drained run, or has given it up: it goes on, as if nobody had pulled."""
    fill_project(scene.place)
    session = await start_task(scene)
    assert isinstance(await scene.move(session), Away)
    before = tree_of(scene.place.project)
    with monkeypatch.context() as patch:
        kill_in(patch, Homecoming, step, after=False)
        kill_in(patch, Homecoming, "give_back", after=False)
        await cut(scene, pull_back(scene.links, "vm", session.id))
    assert read_lease(there(scene, session)).state == state
    (told,) = await settle(scene)
    assert (told.result, told.settled) == ("goes-on", True), told
    assert read_lease(there(scene, session)).state == "held" and tree_of(scene.place.project) == before
    await wait_for_run(scene.host, session.id, lambda now: now.phase == "finished" and "All done." in str(now.blocks))
    assert await settle(scene) == []
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"
    assert_unbroken(session)


async def test_a_pull_that_was_cut_while_it_changed_the_tree(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was agreed to is on disk: it is finished, and the session is here."""
    fill_project(scene.place)
    session = await start_task(scene)
    assert isinstance(await scene.move(session), Away)
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    with monkeypatch.context() as patch:
        kill_in(patch, Homecoming, "settle", after=False)
        kill_in(patch, Homecoming, "give_back", after=False)
        await cut(scene, pull_back(scene.links, "vm", session.id))
    assert snapshot.home.has_begun(session.path / "moves/3/keep")
    assert read_lease(session).state == "away"
    (told,) = await settle(scene)
    assert (told.result, told.settled) == ("home", True), told
    assert read_lease(session).state == "held"
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"
    assert await settle(scene) == []


async def test_a_session_that_its_host_lost(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    write_lease(there(scene, session), Lease(epoch=9, state="released"))
    (told,) = await settle(scene)
    assert (told.result, told.settled) == ("lost", False)
    assert any("castoff reclaim" in choice for choice in told.choices)
    checked = await check_up(session.path, scene.links)
    assert [finding.sentence for finding in checked.findings if "Nobody holds" in finding.sentence], checked


async def test_two_leases_are_found(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    whole = await check_up(session.path, scene.links)
    assert whole.findings == () and [each.host for each in whole.machines] == ["", "vm"], whole
    write_lease(session, Lease(epoch=2))
    (finding,) = (await check_up(session.path, scene.links)).findings
    assert "held twice" in finding.sentence and finding.way_out
    write_lease(session, Lease(epoch=7))
    (finding,) = (await check_up(session.path, scene.links)).findings
    assert "still holds" in finding.sentence


async def test_damage_on_the_host_is_found_from_here(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    manifest = there(scene, session).path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    checked = await check_up(session.path, scene.links)
    assert [(each.host, [f.path for f in each.findings]) for each in checked.machines] == [
        ("", []),
        ("vm", [str(manifest)]),
    ]


async def test_another_castoff_that_moves_the_session_is_left_alone(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    update_lease(session, lambda lease: offer(lease, "vm"))

    with hold_move(session):
        (told,) = await settle(scene)
    assert told.result == "moving"
    assert read_lease(session).state == "offered"


def kill_runner(there: SessionDir) -> None:
    os.kill(read_model(there.path / "runner.json", RunnerRecord).pid, signal.SIGKILL)


async def test_a_run_whose_runner_is_just_being_started_again_is_left_alone(scene: Scene) -> None:
    """Its keeper takes it up; whoever asks meanwhile starts no other, and takes it for no pull that was cut."""
    fill_project(scene.place)
    session = await start_task(scene)
    assert isinstance(await scene.move(session), Away)
    run = there(scene, session)
    kill_runner(run)
    assert await settle(scene) == []
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished" and not state.queue)
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"
    assert_unbroken(session)
    assert find_keeper(run.path) is None


async def test_a_run_whose_runner_dies_while_it_is_drained_comes_home_all_the_same(scene: Scene) -> None:
    """What its keeper starts meanwhile finds the run in other hands, and both end."""
    fill_project(scene.place)
    session = scene.session()
    terms = Terms(say="Do it. [[script: slow]]", policy="accept-all")
    away = (await drive(hand_off(session, scene.links.host("vm"), terms, scene.links)))[-1]
    assert isinstance(away, Away), away
    await wait_for_run(scene.host, session.id, lambda state: bool(state.running))
    run = there(scene, session)
    pulling = asyncio.create_task(drive(pull_back(scene.links, "vm", session.id, drain_seconds=60)))
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "draining")
    kill_runner(run)
    home = (await pulling)[-1]
    assert isinstance(home, Home), home
    assert (read_lease(session).state, read_lease(run).state) == ("held", "away")
    assert find_keeper(run.path) is None and not is_served(run)
    assert_unbroken(session)
