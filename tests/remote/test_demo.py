"""The demo: set up once for this module, the real thing throughout; its journey, its processes, its removal."""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.demo_model.project import create_demo_project
from agent.events import Moved
from agent.journal import read_events
from agent.lease import read_lease
from agent.sessions import list_sessions
from remote import demo as demo_module
from remote import embedded_host
from remote.config import Settings
from remote.demo import Demo, demo_dir, start_demo, stop_demo
from remote.demo_host import Told
from remote.demo_parts import DemoPlaces, host_env, make_project
from remote.errors import DemoFailed
from remote.inbox import read_inbox
from remote.processes import Identity, end_processes, find_by_environment, is_alive
from remote.service import read_service
from tests.remote.demo_tools import run
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(400)

PACE = 0.5
JOURNEY = f"""
import asyncio, sys
from remote.demo import run_demo_headless
sys.exit(asyncio.run(run_demo_headless(lambda line: print(line, flush=True), pace={PACE})))
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The user's own directories: nothing may appear there but the demo's."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("user")
        for name in ("STATE", "CONFIG", "DATA"):
            patch.setenv(f"CASTOFF_{name}", str(place / name.lower()))
        patch.delenv("CASTOFF_DEMO", raising=False)
        yield place / "state"
        run(stop_demo())


@pytest.fixture(scope="module")
def journey(state: Path) -> subprocess.CompletedProcess[str]:
    """The whole journey, made by a process that has ended."""
    argv = [sys.executable, "-I", "-c", JOURNEY]
    return subprocess.run(argv, cwd=state.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.fixture
def demo(journey: subprocess.CompletedProcess[str]) -> Demo:
    """The demo that the journey's process left, found again."""
    assert journey.returncode == 0, journey.stdout + journey.stderr
    return run(start_demo(pace=PACE, report=lambda _: None))


def mark(root: Path) -> list[Identity]:
    return [*find_by_environment("CASTOFF_DEMO", root), *find_by_environment("HOME", root)]


def host_state(root: Path) -> Path:
    return Told.model_validate_json((DemoPlaces(root).host / "told.json").read_bytes()).state


def test_the_whole_journey(journey: subprocess.CompletedProcess[str]) -> None:
    assert journey.returncode == 0, journey.stdout + journey.stderr
    lines = [line.strip() for line in journey.stdout.splitlines()]

    def position(start: str) -> int:
        return next(number for number, line in enumerate(lines) if line.startswith(start))

    order = ("step 1 of 6", "step 2 of 6", "connecting to demo", "given up on this side", "builtin goes on there")
    later = ("detached", "your phone: castoff: Mend the kettle finished", "reattached", "the run changed", "modified ")
    home = (f"{_run_id(lines)} is home again after", "the project's tests, run here: exit status 0", "the work is in")
    found = [position(start) for start in (*order, *later, *home)]
    assert found == sorted(found)
    assert journey.stderr == ""


def _run_id(lines: list[str]) -> str:
    return next(line.split()[1] for line in lines if line.startswith("session "))


def test_the_phone_got_exactly_one_message_with_the_runs_id(demo: Demo) -> None:
    (session,) = list_sessions(DemoPlaces(demo.root).state)
    (message,) = read_inbox(demo.inbox)
    assert session.id in message.body
    assert "6 of 6 steps done" in message.body
    assert read_lease(session).state == "held"


def test_one_unbroken_session_worked_on_both_sides(demo: Demo) -> None:
    (session,) = list_sessions(DemoPlaces(demo.root).state)
    events = list(read_events(session.journal))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    # Its arrival here is told by the runner that opens it next; none has.
    assert [event.to for event in events if isinstance(event, Moved)] == ["demo"]
    assert {event.epoch for event in events if event.kind == "tool_call"} == {1, 2}


def test_it_is_found_again_with_every_process_alive(demo: Demo) -> None:
    places = DemoPlaces(demo.root)
    before = (read_service(places.model), read_service(places.phone), embedded_host.find(places.host))
    assert None not in before
    assert run(start_demo(pace=PACE, report=lambda _: None)) == demo
    assert (read_service(places.model), read_service(places.phone), embedded_host.find(places.host)) == before


def test_nothing_of_the_users_own_is_touched(demo: Demo, state: Path) -> None:
    assert demo.root == state / "demo"
    assert {path.name for path in state.iterdir()} == {"demo"}
    assert [path for path in state.parent.glob("*/*") if path.parent != state] == []
    assert all(value.startswith(str(demo.root)) for name, value in demo.env.items() if name.startswith("CASTOFF_S"))
    assert [host.name for host in Settings(demo.root / "config" / "config.toml").hosts()] == ["demo"]


def test_from_within_the_demo_it_is_the_same_demo(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in demo.env.items():
        monkeypatch.setenv(name, value)
    assert demo_dir() == demo.root


def test_a_model_and_a_host_that_died_come_back_and_are_made_known(demo: Demo) -> None:
    places = DemoPlaces(demo.root)
    model, host = read_service(places.model), embedded_host.find(places.host)
    assert model is not None and host is not None
    run(end_processes((model.process,)))
    assert run(embedded_host.stop(places.host))
    again = run(start_demo(pace=PACE, report=lambda _: None))
    assert again.env["OPENAI_BASE_URL"] == f"http://127.0.0.1:{model.port}/v1"
    alive = embedded_host.find(places.host)
    assert alive is not None and alive.process != host.process
    (known,) = Settings(places.config / "config.toml").hosts()
    assert known.port == alive.port
    variables = (places.host / "home" / ".config" / "castoff" / "agent.env").read_text()
    assert f"OPENAI_BASE_URL=http://127.0.0.1:{model.port}/v1\n" in variables


def test_the_network_settings_of_the_user_reach_the_host_and_keys_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config" / "pip").mkdir(parents=True)
    (home / ".config" / "pip" / "pip.conf").touch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    given = {
        "https_proxy": "http://127.0.0.1:9",
        "PIP_INDEX_URL": "x",
        "OPENAI_API_KEY": "k",
        "PATH": os.environ["PATH"],
    }
    running = run(embedded_host.start(tmp_path / "host", host_env(given)))
    try:
        seen = Path(f"/proc/{running.process.pid}/environ").read_bytes().decode().split("\0")
        assert f"PIP_CONFIG_FILE={home}/.config/pip/pip.conf" in seen
        assert f"PIP_CACHE_DIR={home}/.cache/pip" in seen
        there = run(_environment(tmp_path, running))
    finally:
        run(embedded_host.stop(tmp_path / "host"))
    assert there["https_proxy"] == "http://127.0.0.1:9"
    assert there["PIP_CONFIG_FILE"] == f"{home}/.config/pip/pip.conf"
    assert there["HOME"] == str(tmp_path / "host" / "home")
    assert "OPENAI_API_KEY" not in there


async def _environment(tmp_path: Path, running: embedded_host.EmbeddedHost) -> dict[str, str]:
    from remote.connection import connect
    from remote.hostkeys import HostKeys

    keys = HostKeys(tmp_path / "known_hosts")
    running.pin(keys)
    async with await connect(running.host("demo"), host_keys=keys, ssh_config=tmp_path / "none") as connection:
        lines = (await connection.run(["env"])).text.splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_a_project_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / ".project.new"
    create_demo_project(unfinished)
    (unfinished / "half").touch()
    make_project(tmp_path / "project")
    assert not (tmp_path / "project" / "half").exists()
    assert not unfinished.exists()
    (tmp_path / "project" / "mine").touch()
    make_project(tmp_path / "project")
    assert (tmp_path / "project" / "mine").exists()


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_not_the_demos_is_neither_used_nor_removed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CASTOFF_DEMO", raising=False)
    root, other = demo_dir(), tmp_path / "other"
    other.mkdir()
    (other / ".castoff-demo").write_text(f"{root}\n")  # a planted marker
    (other / "precious").write_text("mine")
    if what == "link":
        root.symlink_to(other)
    else:
        root.mkdir()
        (root / "precious").write_text("mine")
        (root / ".castoff-demo").write_text(f"{other}\n")  # a copied marker
    for attempt in (lambda: run(stop_demo()), lambda: run(start_demo(report=lambda _: None))):
        with pytest.raises(DemoFailed, match="not made by castoff's demo"):
            attempt()
    assert (root / "precious").read_text() == (other / "precious").read_text() == "mine"


def test_a_removal_that_was_cut_short_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CASTOFF_DEMO", raising=False)
    root = demo_dir()
    (root / "project").mkdir(parents=True)
    (root / "a").touch()
    (root / ".castoff-demo").write_text(f"{root}\n")
    with monkeypatch.context() as cut:
        cut.setattr(shutil, "rmtree", _fail)
        with pytest.raises(OSError, match="cut"):
            run(stop_demo())
    run(stop_demo())
    assert not root.exists()


def test_what_is_on_record_is_ended_although_no_environment_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CASTOFF_DEMO", raising=False)
    monkeypatch.setattr("remote.demo.find_by_environment", _find_none)
    root = demo_dir()
    root.mkdir()
    (root / ".castoff-demo").write_text(f"{root}\n")
    host = run(embedded_host.start(DemoPlaces(root).host))
    run(stop_demo())
    assert not is_alive(host.process)
    assert not root.exists()


def test_a_part_that_does_not_start_leaves_none_that_still_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTOFF_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CASTOFF_DEMO", raising=False)
    ended: list[str] = []

    async def fail(*_: object, **__: object) -> None:
        raise DemoFailed("No model.")

    async def start_forever(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("host")

    async def start() -> None:
        with pytest.raises(DemoFailed, match="No model"):
            await start_demo(report=lambda _: None)
        assert ended == ["host"]

    monkeypatch.setattr("remote.demo.keep_running", fail)
    monkeypatch.setattr("remote.demo.embedded_host.start", start_forever)
    run(start())


def _find_none(_name: str, _root: Path) -> tuple[()]:
    return ()


def _fail(*_: object) -> None:
    raise OSError("cut")


def test_reset_ends_every_process_and_leaves_no_trace(demo: Demo, state: Path) -> None:
    """Last of the module: also the run's tmux server and a local runner are there to be ended."""
    places = DemoPlaces(demo.root)
    (session,) = list_sessions(places.state)
    runner = subprocess.Popen(
        [sys.executable, "-I", "-m", "remote.runner_cli", "serve", str(session.path)],
        env=os.environ | demo.env,
        cwd=session.path,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    with runner:
        wait_until((session.path / "runner.json").exists)
        assert len(mark(demo.root)) >= 4
        run(stop_demo())
        assert runner.wait(10) is not None
    assert mark(demo.root) == []
    assert list(state.iterdir()) == []
    run(stop_demo())
    assert list(state.iterdir()) == []


async def test_one_at_a_time_though_the_lock_goes_with_each_holder(tmp_path: Path) -> None:
    inside = 0
    most = 0

    async def hold() -> None:
        nonlocal inside, most
        async with demo_module._locked(tmp_path / "demo"):  # pyright: ignore[reportPrivateUsage]
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(hold() for _ in range(5)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_removed_since_it_was_opened_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".demo.lock"
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        path.unlink()
        path.touch()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert demo_module._try_lock(path) is None  # pyright: ignore[reportPrivateUsage]
