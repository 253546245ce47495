"""Setup commands on the host: in the sandbox, with their output and status, once an arrival; what they built stays."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from agent.events import AnyEvent, SetupEnded, SetupPrinted, SetupStarted
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import SessionDir, create_session
from agent.setup import SetupCommand
from remote import setup as setup_code
from remote.furnishing import Furnishing, drop_furnishing, keep_furnishing, read_furnishing
from remote.leftovers import note_leftovers, put_aside, put_back
from remote.place import Place
from remote.setup import set_up
from snapshot.capture import capture_paths
from tests.waiting import until

SECRET = "s3cr3t-value\nof two lines"


@dataclass
class Run:
    session: SessionDir
    place: Place
    tree: Path

    async def set_up(self, *setup: str | SetupCommand, epoch: int = 2, seconds: float = 60) -> list[AnyEvent]:
        """What is recorded when the run arrives at ``epoch`` with these commands."""
        commands = tuple(SetupCommand(run=each) if isinstance(each, str) else each for each in setup)
        keep_furnishing(self.session, Furnishing(setup=commands, variables={"TOKEN": SECRET}))
        recorder = Recorder(self.session.journal, epoch)
        before = recorder.state.head_seq
        try:
            await set_up(self.session, self.place, recorder, seconds=seconds)
        finally:
            recorder.close()
        return list(read_events(self.session.journal, before))


@pytest.fixture(params=["open", "none"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    level: Literal["open", "none"] = request.param
    if level == "open" and shutil.which("bwrap") is None:
        pytest.skip("no bubblewrap here")
    tree, home = tmp_path / "tree", tmp_path / "home"
    tree.mkdir()
    home.mkdir()
    session = create_session(tmp_path / "state", tree, "builtin")
    at = "/home/ann/src/shop" if level == "open" else str(tree)
    place = Place(
        host="vm", origin="here", sandbox=level, tree=str(tree), tree_at=at, home=str(home), home_at="/home/ann"
    )
    yield Run(session, place, tree)


def statuses(events: list[AnyEvent]) -> list[tuple[str, int | None]]:
    started = [event.command for event in events if isinstance(event, SetupStarted)]
    return list(zip(started, [e.status for e in events if isinstance(e, SetupEnded)], strict=True))


def output(events: list[AnyEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, SetupPrinted))


async def test_commands_run_where_the_agent_will_with_the_variables(run: Run) -> None:
    events = await run.set_up("pwd; echo two >&2", 'printf %s "$TOKEN" | wc -c > built; echo "$HOME"')
    assert statuses(events) == [("pwd; echo two >&2", 0), ('printf %s "$TOKEN" | wc -c > built; echo "$HOME"', 0)]
    home = "/home/ann" if run.place.sandbox == "open" else run.place.home
    assert output(events) == f"{run.place.tree_at}\ntwo\n{home}\n"
    assert int((run.tree / "built").read_text()) == len(SECRET)
    assert SECRET.splitlines()[0] not in run.session.journal.read_text()


async def test_no_value_is_in_an_argument_list_and_the_file_is_the_users_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = setup_code.stream_process

    async def watch(argv: list[str], *rest: object) -> object:
        seen.extend(argv)
        return await real(argv, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(setup_code, "stream_process", watch)
    await run.set_up("true")
    assert seen and not any("s3cr3t" in word for word in seen)
    assert (run.session.path / "furnishing.json").stat().st_mode & 0o777 == 0o600
    assert "s3cr3t" not in repr(read_furnishing(run.session))
    drop_furnishing(run.session)
    assert read_furnishing(run.session) == Furnishing()
    assert not [path for path in run.session.path.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()]


async def test_the_first_that_fails_is_the_last_and_is_tried_again_at_the_next_arrival(run: Run) -> None:
    assert statuses(await run.set_up("exit 3", "touch never")) == [("exit 3", 3)]
    assert not (run.tree / "never").exists()
    assert statuses(await run.set_up("exit 3", "touch never")) == [], "a runner that starts again at the same epoch"
    assert statuses(await run.set_up("[ -e fixed ]", "touch after", epoch=4)) == [("[ -e fixed ]", 1)]
    (run.tree / "fixed").touch()
    assert statuses(await run.set_up("[ -e fixed ]", "touch after", epoch=6)) == [
        ("[ -e fixed ]", 0),
        ("touch after", 0),
    ]


async def test_again_only_when_a_file_changed_that_it_names(run: Run) -> None:
    (run.tree / "lock").write_text("1")
    command = SetupCommand(run="cat lock >> built", files=("lock", "not-there"))
    assert len(statuses(await run.set_up(command))) == 1
    assert statuses(await run.set_up(command, epoch=4)) == []
    (run.tree / "lock").write_text("2")
    assert len(statuses(await run.set_up(command, epoch=6))) == 1
    assert (run.tree / "built").read_text() == "12"


async def test_one_that_hangs_is_ended_with_all_it_started(run: Run) -> None:
    events = await run.set_up("sleep 300 & sleep 300", seconds=0.3)
    (ended,) = [event for event in events if isinstance(event, SetupEnded)]
    assert ended.status is None and "was ended after" in ended.detail and not ended.stopped


async def test_when_it_is_stopped_that_is_recorded_and_the_program_is_gone(run: Run) -> None:
    going = asyncio.create_task(run.set_up("echo $$ > pid; exec sleep 300"))
    await until(lambda: (run.tree / "pid").exists())
    going.cancel()
    await asyncio.wait((going,))
    (ended,) = [event for event in read_events(run.session.journal) if isinstance(event, SetupEnded)]
    assert ended.stopped and ended.status is None
    assert not any(_sleeps_in(pid, run.tree) for pid in Path("/proc").iterdir() if pid.name.isdigit())


def _sleeps_in(pid: Path, tree: Path) -> bool:
    try:
        return os.path.realpath(pid / "cwd").startswith(str(tree))
    except OSError:
        return False


async def test_much_output_keeps_its_beginning_and_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_code, "HEAD", 1000)
    monkeypatch.setattr(setup_code, "TAIL", 100)
    text = output(
        await run.set_up("echo first; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo last")
    )
    assert text.startswith("first\nline 0\n") and text.endswith("line 2999\nlast\n")
    assert "[cut: " in text and len(text) < 1200


async def test_what_is_no_text_does_no_harm(run: Run) -> None:
    assert output(await run.set_up(r"printf '\377\303'; printf '\251'")) == "\ufffdé"


def test_what_is_ignored_in_the_runs_tree_is_there_at_its_next_stay(tmp_path: Path) -> None:
    tree, record, aside = tmp_path / "tree", tmp_path / "left.json", tmp_path / "aside"
    for name in ("a.py", ".venv/bin/python", "pkg/b.py", "pkg/node_modules/x", ".git/HEAD", "pkg/gone/y", "taken"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    note_leftovers(tree, capture_paths(tree, ["a.py", "pkg/b.py"]), record)
    put_aside(tree, record, aside)
    put_aside(tree, record, aside)
    left = {str(path.relative_to(tree)) for path in tree.rglob("*")}
    assert left == {"a.py", "pkg", "pkg/b.py", ".git", ".git/HEAD"}
    (tree / "taken").write_text("of the next")
    put_back(aside, record, tree)
    assert (tree / ".venv/bin/python").read_text() == ".venv/bin/python"
    assert (tree / "pkg/node_modules/x").exists() and (tree / "pkg/gone/y").exists()
    assert (tree / "taken").read_text() == "of the next"


def test_nothing_is_taken_or_put_through_a_link(tmp_path: Path) -> None:
    tree, record, aside = tmp_path / "tree", tmp_path / "left.json", tmp_path / "aside"
    (tree / "pkg").mkdir(parents=True)
    (tree / "pkg" / "keys").write_text("the run's")
    (tree / "pkg" / "a.py").touch()
    note_leftovers(tree, capture_paths(tree, ["pkg/a.py"]), record)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "keys").write_text("the user's own")
    (tree / "pkg").rename(tree / "aside")
    (tree / "pkg").symlink_to(elsewhere)
    put_aside(tree, record, aside)
    assert (elsewhere / "keys").exists() and not aside.exists()
    (tree / "pkg").unlink()
    (tree / "aside").rename(tree / "pkg")
    put_aside(tree, record, aside)
    (tree / "pkg" / "a.py").unlink()
    (tree / "pkg").rmdir()
    (elsewhere / "keys").unlink()
    (tree / "pkg").symlink_to(elsewhere)
    put_back(aside, record, tree)
    assert not (elsewhere / "keys").exists()
