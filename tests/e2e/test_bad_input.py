"""What can go wrong at a handoff: one clear sentence and a way out, and the local session is as it was."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.lease import read_lease
from agent.paths import state_dir
from agent.runner_lock import is_served
from agent.sessions import SessionDir, create_session
from remote import embedded_host
from remote.config import Host
from remote.handoff import hand_off
from remote.hostkeys import HostKey, HostKeys
from remote.links import Links
from remote.local import open_local
from remote.parcel import fold
from remote.pull import pull_back
from remote.steps import Away, HandoffStep, Home, Preflighted, StillHere
from remote.terms import Terms
from tests.e2e.journey import Place, drive, fill_project, follow, lay_out, tree_of
from tests.e2e.scene import Scene, give_variables, interrupt_at, start_task
from tests.hosts import HostForTests, free_port


def assert_still_here(step: HandoffStep, code: str, session: SessionDir, place: Place, before: dict[str, str]) -> None:
    """One sentence, a way out, and everything as it was."""
    assert isinstance(step, StillHere), step
    assert step.code == code, step
    assert step.reason.endswith((".", "?")) and "\n" not in step.reason.strip() and "Traceback" not in step.reason
    assert step.way_out
    lease = read_lease(session)
    assert (lease.epoch, lease.state) == (1, "held")
    assert tree_of(place.project) == before


async def test_unknown_host_name(scene: Scene) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    scene.links.settings.add(Host(name="nowhere", destination="ann@no-such-host.invalid"))
    assert_still_here(await scene.move(session, "nowhere"), "unknown-host", session, scene.place, before)


async def test_nothing_listens(scene: Scene) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    scene.links.settings.add(scene.host.host.model_copy(update={"name": "off", "port": free_port()}))
    assert_still_here(await scene.move(session, "off"), "host-unreachable", session, scene.place, before)


async def test_refused_key(scene: Scene, sshd_host: HostForTests, tmp_path: Path) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    shutil.copy(sshd_host.host_keys.path, tmp_path / "config" / "known_hosts")
    wrong = sshd_host.host.model_copy(update={"name": "wrong", "identity": scene.host.host.identity})
    scene.links.settings.add(wrong)
    assert_still_here(await scene.move(session, "wrong"), "authentication-refused", session, scene.place, before)


async def test_changed_host_key(scene: Scene, sshd_host: HostForTests) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    keys, host = HostKeys(), scene.host.host
    algorithm, encoded = (sshd_host.directory / "host_key.pub").read_text().split()[:2]
    keys.forget("127.0.0.1", host.port or 22)
    keys.pin("127.0.0.1", host.port or 22, HostKey(algorithm=algorithm, encoded=encoded))
    # A link that is open already was checked when it was made.
    scene.links = Links(scene.links.settings)
    assert_still_here(await scene.move(session), "host-key-changed", session, scene.place, before)


@pytest.mark.parametrize("lacking", ["tmux", "rsync"])
async def test_host_lacks_a_program(scene: Scene, tmp_path: Path, lacking: str) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"):
        for program in Path(folder).iterdir():
            if program.name != lacking and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    # The same HOME, so that the runtime is there already.
    root = tmp_path / "poor"
    root.mkdir()
    (root / "home").symlink_to(scene.host.home)
    running = await embedded_host.start(root, {**os.environ, "PATH": str(programs)})
    try:
        running.pin(HostKeys())
        scene.links.settings.add(running.host("poor"))
        step = await scene.move(session, "poor")
    finally:
        await scene.links.close()
        await embedded_host.stop(root)
    assert_still_here(step, "host-lacks", session, scene.place, before)
    assert isinstance(step, StillHere) and lacking in step.reason


@pytest.fixture
def small(scene: Scene, tmp_path: Path) -> Generator[Path]:
    """The root of a host with a real file system of 20 MB for its runs, and the runtime of the one that is not full."""
    root = tmp_path / "small"
    state = root / "home/.local/state"
    state.mkdir(parents=True)
    for name in (".local/share", ".config"):
        (root / "home" / name).symlink_to(scene.host.home / name)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(state)], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


async def test_host_full(scene: Scene, small: Path) -> None:
    fill_project(scene.place)
    session, before = scene.session(), tree_of(scene.place.project)
    running = await embedded_host.start(small)
    try:
        running.pin(HostKeys())
        scene.links.settings.add(running.host("small"))
        step = await scene.move(session, "small")
    finally:
        await scene.links.close()
        await embedded_host.stop(small)
    assert_still_here(step, "host-full", session, scene.place, before)
    assert isinstance(step, StillHere) and "MB free" in step.reason


async def test_unknown_agent(scene: Scene) -> None:
    fill_project(scene.place)
    before = tree_of(scene.place.project)
    session = scene.session("nonesuch")
    assert_still_here(await scene.move(session), "profile-unknown", session, scene.place, before)


def make_agent(tmp_path: Path, name: str, launch: str) -> None:
    """A user's own agent profile, known on the laptop only or on both sides."""
    folder = tmp_path / "config" / "agents"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(
        f'name = "{name}"\ntitle = "{name}"\nlaunch = {launch}\nsession_files = ["x/{{sid}}"]\n'
        'resume = ["load"]\nusage = "none"\ninstall = "Install it."\n'
    )


@pytest.mark.parametrize(
    ("launch", "said"),
    [('["/no/such/agent"]', "not installed"), ('["/bin/sh", "-c", "echo broken >&2; exit 3"]', "broken")],
)
async def test_agent_that_does_not_start(scene: Scene, tmp_path: Path, launch: str, said: str) -> None:
    fill_project(scene.place)
    make_agent(tmp_path, "broken", launch)
    session = scene.session("broken")
    viewer = await open_local(session)
    state = await follow(viewer, lambda state: state.phase == "failed")
    assert said in state.detail and "Traceback" not in state.detail
    await viewer.stop()
    await viewer.close()


async def test_agent_missing_on_the_host(scene: Scene, tmp_path: Path) -> None:
    fill_project(scene.place)
    make_agent(tmp_path, "mine", '["/bin/cat"]')
    session, before = scene.session("mine"), tree_of(scene.place.project)
    assert_still_here(await scene.move(session), "profile-unknown", session, scene.place, before)


FETCHED = """
name = "fetched"
title = "Fetched"
launch = ["fetched"]
find = ["fetched/bin/fetched"]
session_files = [".fetched/{sid}"]
resume = ["load"]
usage = "none"
megabytes = 7
install = "Install it with: sh -c 'mkdir -p $1/fetched/bin && cp /bin/cat $1/fetched/bin/fetched' sh {agents}"
"""


async def test_an_agent_is_installed_on_the_host_only_if_that_was_agreed_to(scene: Scene, tmp_path: Path) -> None:
    fill_project(scene.place)
    for config in (tmp_path / "config", scene.host.home / ".config/castoff"):
        (config / "agents").mkdir(parents=True, exist_ok=True)
        (config / "agents" / "fetched.toml").write_text(FETCHED)
    session, before = scene.session("fetched"), tree_of(scene.place.project)
    refused = await scene.move(session)
    assert_still_here(refused, "agent-missing", session, scene.place, before)
    there = scene.host.home / ".local/share/castoff/agents"
    said = f"castoff handoff --install-agent installs it there: about 7 MB in {there}, by sh -c "
    assert isinstance(refused, StillHere) and refused.way_out.startswith(said)
    for agreed, installed in (("another", False), ("vm", True)):
        steps = await drive(hand_off(session, scene.links.host("vm"), Terms(install_on=agreed), scene.links), "cancel")
        seen = next(step for step in steps if isinstance(step, Preflighted))
        offered = [problem.installs for problem in seen.problems if problem.code == "agent-missing"]
        assert offered == ([] if installed else ["fetched"])
        assert (there / "fetched/bin/fetched").exists() is installed


SAILOR = """\
#!/usr/bin/env python3
import json, os, sys
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"result": {"protocolVersion": 1, "sessionId": "s"}}
    if asked["method"] == "session/new" and "HOST_HAS_NO_LOGIN" in os.environ:
        answer = {"error": {"code": -32000, "message": "Token expired"}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


def install_sailor(data: Path, config: Path, version: str) -> None:
    """An agent of an npm package of that version, and its profile."""
    package = data / "agents" / "sailor" / "node_modules" / "sailor"
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    (package / "sailor").write_text(SAILOR)
    (package / "sailor").chmod(0o755)
    (config / "agents").mkdir(parents=True, exist_ok=True)
    (config / "agents" / "sailor.toml").write_text(
        'name = "sailor"\ntitle = "Sailor"\nlaunch = ["sailor"]\nfind = ["sailor/node_modules/sailor/sailor"]\n'
        'session_files = [".sailor/{sid}"]\nresume = ["load"]\nusage = "none"\ninstall = "Install it."\n'
        'login = "Log in with its own command: sailor login"\n'
    )


async def test_agent_too_old_on_the_host(scene: Scene, tmp_path: Path) -> None:
    fill_project(scene.place)
    install_sailor(tmp_path / "data", tmp_path / "config", "1.10.0")
    install_sailor(scene.host.home / ".local/share/castoff", scene.host.home / ".config/castoff", "1.9.0")
    session, before = scene.session("sailor"), tree_of(scene.place.project)
    step = await scene.move(session)
    assert_still_here(step, "agent-old", session, scene.place, before)
    assert isinstance(step, StillHere) and "Sailor 1.9.0 is older than 1.10.0" in step.reason


async def test_agent_whose_login_on_the_host_has_expired(scene: Scene, tmp_path: Path) -> None:
    fill_project(scene.place)
    install_sailor(tmp_path / "data", tmp_path / "config", "1.10.0")
    install_sailor(scene.host.home / ".local/share/castoff", scene.host.home / ".config/castoff", "1.10.0")
    give_variables(scene.host, scene.variables | {"HOST_HAS_NO_LOGIN": "1"})
    session, before = scene.session("sailor"), tree_of(scene.place.project)
    step = await scene.move(session)
    assert isinstance(step, StillHere)
    assert step.reason.endswith(
        "Sailor's login on vm is missing or not accepted (Token expired): log in with its own command: sailor login."
    )
    lease = read_lease(session)
    # The host had it, and gave it back.
    assert (lease.epoch, lease.state) == (3, "held")
    assert tree_of(scene.place.project) == before
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()


async def test_second_handoff(scene: Scene) -> None:
    fill_project(scene.place)
    session = scene.session()
    assert isinstance(await scene.move(session), Away)
    lease = read_lease(session)
    again = await scene.move(session)
    assert isinstance(again, StillHere) and again.code == "not-owner" and "vm" in again.reason and again.way_out
    assert read_lease(session) == lease


@pytest.mark.parametrize("kind", ["no repository", "empty repository", "empty folder"])
async def test_trees_without_history(scene: Scene, kind: str) -> None:
    if kind != "empty folder":
        (scene.place.project / "a.txt").write_text("a\n")
    if kind == "empty repository":
        scene.place.git("init", "-q")
    session, before = scene.session(), tree_of(scene.place.project)
    assert isinstance(await scene.move(session), Away)
    there = scene.host.home / ".local/state/castoff/trees" / session.id
    assert tree_of(there) == before
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert tree_of(scene.place.project) == before


async def test_path_with_quotes_and_a_newline(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = lay_out(tmp_path / "odd", monkeypatch.setenv, project='we "quote" it\'s\n-a new line/ $(x) `y`')
    shutil.copytree(tmp_path / "config", tmp_path / "odd" / "config", dirs_exist_ok=True)
    fill_project(place)
    session, before = create_session(state_dir(), place.project, "builtin"), tree_of(place.project)
    links = Links()
    try:
        away = (await drive(hand_off(session, links.host("vm"), Terms(), links)))[-1]
        assert isinstance(away, Away), away
        assert tree_of(scene.host.home / ".local/state/castoff/trees" / session.id) == before
        home = (await drive(pull_back(links, "vm", session.id)))[-1]
        assert isinstance(home, Home), home
        assert tree_of(place.project) == before
    finally:
        await links.close()


_STEPS = ["connecting", "preflighted", "draining", "captured", "sending", "verified"]


@pytest.mark.parametrize("where", _STEPS)
async def test_interrupt_before_the_offer(scene: Scene, where: str) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    with pytest.raises(asyncio.CancelledError):
        await interrupt_at(where, hand_off(session, scene.links.host("vm"), Terms(), scene.links))
    assert read_lease(session).state == "held"
    scene.go()
    await finish_here(session)
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"


async def test_interrupt_after_the_offer_is_settled_by_the_same_command(scene: Scene) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    with pytest.raises(asyncio.CancelledError):
        await interrupt_at("offered", hand_off(session, scene.links.host("vm"), Terms(), scene.links))
    assert read_lease(session).state == "offered"
    assert not is_served(session)
    assert isinstance(await scene.move(session), Away)
    assert read_lease(session).state == "away"


async def finish_here(session: SessionDir) -> None:
    viewer = await open_local(session)
    await follow(viewer, lambda state: state.phase == "finished" and state.turn is None and not state.queue)
    await viewer.stop()
    await viewer.close()
    assert fold(session).location == "here"
