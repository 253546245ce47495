"""Castoff is upgraded here while a run is on its host: the run keeps its version, and comes home to the new one."""

import asyncio
import subprocess
from pathlib import Path

from agent.lease import read_lease
from agent.overview import look_over
from agent.paths import state_dir
from remote.checkup import check_up
from remote.pull import pull_back
from remote.settings_protocol import Sweep, Swept
from remote.steps import Home
from tests.e2e.journey import assert_unbroken, drive, fill_project, follow, wait_for_run
from tests.e2e.scene import Scene
from tests.e2e.versions import BEFORE, install, unpack_older

_HAND_OFF = """
import asyncio, sys
from pathlib import Path
from agent.paths import state_dir
from agent.sessions import create_session
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.terms import Terms

async def main():
    session = create_session(state_dir(), Path(sys.argv[1]), "builtin")
    viewer = await open_local(session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Do it. [[script: task]]")
    async for events in viewer.batches():
        if any(event.kind == "tool_call" and event.status == "completed" for event in events):
            break
    await viewer.close()
    links = Links()
    steps = hand_off(session, links.host("vm"), Terms(), links)
    step = await anext(steps)
    try:
        while True:
            step = await steps.asend("go")
    except StopAsyncIteration:
        print(step)
    await links.close()
    assert step.step == "away", step

asyncio.run(main())
"""


async def test_a_run_of_the_version_before_comes_home(scene: Scene, tmp_path: Path) -> None:
    fill_project(scene.place)
    (scene.place.root / "ashore").touch()
    python = install(unpack_older(tmp_path / "source", BEFORE), tmp_path / "env")
    argv = [str(python), "-I", "-c", _HAND_OFF, str(scene.place.project)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    ((session, lease),) = look_over(state_dir()).whole
    assert (lease.state, lease.epoch) == ("away", 2)
    # The runner goes on in the runtime that it was started with, beside this version's.
    client = await scene.links.client("vm")
    ours = client.runtime.path.name
    serving = [line for line in scene.host.processes("remote.runner_cli serve") if session.id in line]
    assert serving and not any(ours in line for line in serving), serving
    runtimes = scene.host.home / ".local/share/castoff/runtimes"
    others = [path for path in runtimes.iterdir() if path.is_dir() and path.name != ours]
    assert any(f"{other}/" in line for other in others for line in serving), (others, serving)
    assert not [each for each in (await client.ask(Sweep(days=0), Swept)).waste if each.kind == "runtime"]
    viewer = await scene.links.attach("vm", session.id)
    await viewer.prompt("Once more. [[script: task]]")
    state = await follow(viewer, lambda state: state.turn is None and not state.queue and state.phase == "finished")
    await viewer.close()
    assert state.location == "vm"
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    assert (await check_up(session.path, scene.links)).findings == ()
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert read_lease(session).state == "held"
    assert (scene.place.project / "made.txt").exists()
    assert_unbroken(session)
    assert (await check_up(session.path, scene.links)).findings == ()
