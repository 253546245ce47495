"""Two versions of castoff on one session, each really installed: an older, this one, and a newer one."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.demo_model.reply import Reply
from agent.durable import read_model
from agent.errors import CommandRefused, RecordDamaged, RecordNewer
from agent.events import Unknown
from agent.fold import advance
from agent.journal import read_events
from agent.lease import read_lease
from agent.reception import RunnerRecord
from agent.runner_lock import is_served
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from agent.viewer import Viewer
from remote.local import attach_running, open_local
from tests.doubles.openai_model import model_environment, serving
from tests.e2e.journey import follow, lay_out
from tests.e2e.versions import install, unpack_newer, unpack_older
from tests.waiting import until

_ATTACH = """
import asyncio, sys
from pathlib import Path
from agent.sessions import open_session
from remote.local import attach_running

async def main():
    viewer = await attach_running(open_session(Path(sys.argv[1])))
    await viewer.prompt(sys.argv[2])
    said = []
    async for events in viewer.batches():
        said += [event.kind for event in events]
        ours = len(said) - said[::-1].index("prompt")
        if "turn_ended" in said[ours:] and said[-1] == "phase":
            break
    print(" ".join(said))
    await viewer.drain(20)

asyncio.run(main())
"""
"""A viewer of whichever version runs this: prompts, follows the turn to its end, drains."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the older version."""
    root = tmp_path_factory.mktemp("older")
    return install(unpack_older(root / "source"), root / "env")


def newer_source(root: Path, oldest: int = 1) -> Path:
    """Of a version that speaks a newer protocol as well, and says and keeps what this one has never heard of."""
    changes = {
        "agent/messages.py": (
            'OLDEST = 1\n"""The oldest protocol that this version still speaks."""\nVERSION = 1\n',
            f"OLDEST = {oldest}\nVERSION = 2\n",
        ),
        "agent/events.py": (
            "\n_KnownEvent = Annotated[\n    Prompted\n",
            '\nclass Weighed(Event):\n    kind: Literal["weighed"] = "weighed"\n    grams: int\n\n\n'
            "_KnownEvent = Annotated[\n    Prompted\n    | Weighed\n",
        ),
        "agent/recorder.py": (
            "            self.flush()\n            self._write(event)\n        elif",
            "            self.flush()\n            self._write(event)\n"
            '            if getattr(event, "kind", "") == "turn_started":\n'
            "                from agent.events import Weighed\n\n"
            "                self._write(Weighed(grams=12))\n        elif",
        ),
        "agent/server.py": (
            "        return hello\n\n    async def _read_commands",
            '        await self._send_raw(b\'{"type":"weather","rain":true}\\n\')\n'
            "        return hello\n\n    async def _read_commands",
        ),
    }
    return unpack_newer(root, changes)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a newer version."""
    root = tmp_path_factory.mktemp("newer")
    return install(newer_source(root / "source"), root / "env")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[SessionDir]:
    place = lay_out(tmp_path, monkeypatch.setenv)
    (place.project / "a.txt").write_text("one\n")
    with serving({"greet": (Reply("Hello."),)}, tmp_path / "model.jsonl") as (_, port):
        for name, value in model_environment(port).items():
            monkeypatch.setenv(name, value)
        yield create_session(tmp_path / "state", place.project, "builtin")


@contextmanager
def running(python: Path, session: SessionDir) -> Generator["subprocess.Popen[bytes]"]:
    """The runner of the version ``python``."""
    with (session.path / "runner.log").open("ab") as log:
        argv = [str(python), "-I", "-m", "remote.runner_cli", "serve", str(session.path)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


async def attach(session: SessionDir) -> Viewer:
    await until(lambda: listens(session))
    viewer = await attach_running(session)
    assert viewer is not None
    return viewer


def listens(session: SessionDir) -> bool:
    """Whether a runner takes connections; what one that was killed left does not."""
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.connect(read_model(session.path / "runner.json", RunnerRecord).socket)
    except (RecordDamaged, OSError):
        return False
    return True


async def talk(viewer: Viewer, turns: int) -> SessionState:
    """One more turn, to its end."""
    await viewer.prompt("Greet. [[script: greet]]")
    return await follow(viewer, lambda state: state.turns == turns and state.turn is None and state.phase == "finished")


async def watch_as(python: Path, session: SessionDir) -> list[str]:
    """A viewer of the version ``python`` talks to the runner: the kinds of the events that it got."""
    argv = [str(python), "-I", "-c", _ATTACH, str(session.path), "Greet. [[script: greet]]"]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def turns(session: SessionDir) -> int:
    return advance(SessionState(), read_events(session.journal)).turns


@pytest.mark.parametrize("other", ["older", "newer"])
async def test_this_viewer_on_a_runner_of_another_version(
    other: str, session: SessionDir, request: pytest.FixtureRequest
) -> None:
    """It goes on being served by the version that it was started with; the next start is this one's."""
    python: Path = request.getfixturevalue(other)
    with running(python, session):
        viewer = await attach(session)
        state = await talk(viewer, 1)
        assert "Hello." in str(state.blocks)
        await viewer.drain(20)
        await viewer.close()
    await until(lambda: not is_served(session))
    kinds = [event.kind for event in read_events(session.journal)]
    assert ("weighed" in kinds) == (other == "newer")
    before = session.journal.read_bytes()
    viewer = await open_local(session)
    await talk(viewer, 2)
    await viewer.stop()
    await viewer.close()
    assert session.journal.read_bytes().startswith(before), "what another version wrote is kept byte for byte"
    assert turns(session) == 2 and read_lease(session).epoch == 1


@pytest.mark.parametrize("other", ["older", "newer"])
async def test_a_viewer_of_another_version_on_this_runner(
    other: str, session: SessionDir, request: pytest.FixtureRequest
) -> None:
    python: Path = request.getfixturevalue(other)
    viewer = await open_local(session)
    await viewer.close()
    assert "text" in await watch_as(python, session)
    await until(lambda: not is_served(session))
    # What this version wrote, the other one takes up.
    with running(python, session):
        viewer = await attach(session)
        await talk(viewer, 2)
        await viewer.drain(20)
        await viewer.close()
    assert turns(session) == 2
    assert any(isinstance(event, Unknown) for event in read_events(session.journal)) == (other == "newer")


async def test_a_runner_that_speaks_no_protocol_of_ours_says_what_to_do(session: SessionDir, tmp_path: Path) -> None:
    python = install(newer_source(tmp_path / "source", oldest=2), tmp_path / "env")
    with running(python, session) as process:
        with pytest.raises(CommandRefused, match=r"newer castoff.*Update castoff here; the runner goes on"):
            await attach(session)
        assert process.poll() is None, "it goes on"


async def test_an_older_runner_that_we_no_longer_speak_to_can_be_ended_and_taken_up(
    session: SessionDir, tmp_path: Path
) -> None:
    """As the newer viewer is told: end the runner, and the newer one takes the session up."""
    python = install(newer_source(tmp_path / "source", oldest=2), tmp_path / "env")
    viewer = await open_local(session)
    await talk(viewer, 1)
    done = await asyncio.to_thread(
        subprocess.run,
        [str(python), "-I", "-c", _ATTACH, str(session.path), "Greet. [[script: greet]]"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    pid = read_model(session.path / "runner.json", RunnerRecord).pid
    assert done.returncode != 0 and f"(kill {pid} on its machine)" in done.stderr, done.stderr
    await viewer.close()
    os.kill(pid, signal.SIGTERM)
    await until(lambda: not is_served(session), seconds=60)
    with running(python, session):
        await until(lambda: listens(session))
        assert "text" in await watch_as(python, session)
    assert turns(session) == 2


async def test_records_of_a_newer_format_are_refused_and_stay(session: SessionDir) -> None:
    record = session.path / "lease.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 2}))
    before = {path: path.read_bytes() for path in session.path.rglob("*.json*")}
    with pytest.raises(Exception, match=r"newer castoff"):
        await open_local(session)
    with pytest.raises(RecordNewer):
        read_lease(session)
    assert {path: path.read_bytes() for path in before} == before
