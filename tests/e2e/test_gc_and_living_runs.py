"""What `castoff gc` finds and removes on a host, at its most eager, leaves a living run and its runtime alone."""

from pathlib import Path

from agent.lease import read_lease
from agent.sessions import open_session
from remote.pull import pull_back
from remote.settings_protocol import Sweep, Swept
from remote.steps import Away, Home
from tests.e2e.journey import assert_unbroken, drive, fill_project, wait_for_run
from tests.e2e.scene import Scene, start_task


async def test_gc_leaves_a_living_run_alone(scene: Scene) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    assert isinstance(await scene.move(session), Away)
    client = await scene.links.client("vm")
    found = (await client.ask(Sweep(days=0), Swept)).waste
    assert not [each for each in found if session.id in each.name or each.kind == "runtime"], found
    keys = (*(each.key for each in found), f"run:{session.id}", f"runtime:{Path(client.runtime.path).name}")
    gone = (await client.ask(Sweep(days=0, remove=keys), Swept)).waste
    assert {each.key for each in gone} <= {each.key for each in found}
    there = open_session(scene.host.home / ".local/state/castoff/sessions" / session.id)
    assert read_lease(there).state == "held"
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"
    assert_unbroken(session)
    # Now it is an archive, and may go.
    assert f"run:{session.id}" in [each.key for each in (await client.ask(Sweep(days=0), Swept)).waste]
