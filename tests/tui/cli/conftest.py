"""The command line as a user has it: a fresh state and settings directory, run as a subprocess or in this process."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.events import (
    AgentStarted,
    Event,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    Prompted,
    Text,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from agent.journal import Journal
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from tui.cli.root import main


class Ran(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON objects, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Castoff = Callable[..., Ran]


@pytest.fixture(autouse=True)
def fresh_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees, or leaves, anything of the user's."""
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    # One who runs tests in several processes tells each how wide the terminal is, which none of them has.
    for name in ("CASTOFF_MODEL", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def castoff() -> Castoff:
    """Run a command in this process: quick, and without a terminal."""

    def run(*argv: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(argv)
        return Ran(status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def castoff_process() -> Castoff:
    """Run a command as its own process, as the console script does."""

    def run(*argv: str, **env: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "tui.cli", *argv],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


ASKING: tuple[Event, ...] = (
    PhaseChanged(phase="idle"),
    AgentStarted(agent="builtin", version="1", agent_session_id="s1", resumed="new"),
    Prompted(prompt_id="p1", text="Fix it"),
    TurnStarted(prompt_id="p1"),
    PhaseChanged(phase="working"),
    Text(text="I look "),
    Text(text="first."),
    Planned(entries=(PlanEntry(content="Look", status="completed"), PlanEntry(content="Mend"))),
    ToolCalled(call_id="c1", title="Run \x1b[31mtests", tool_kind="execute", status="pending"),
    PermissionAsked(
        request_id="r1",
        call_id="c1",
        options=(
            PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
            PermissionOption(option_id="reject", name="Reject", kind="reject_once"),
        ),
    ),
    PhaseChanged(phase="needs-input"),
)
"""A session that waits for an answer, with a hostile title."""

FINISHED: tuple[Event, ...] = (
    PhaseChanged(phase="idle"),
    Prompted(prompt_id="p1", text="Say hello"),
    TurnStarted(prompt_id="p1"),
    PhaseChanged(phase="working"),
    Text(text="Hello [bold]there[/bold] :smile:"),
    TurnEnded(prompt_id="p1", stop_reason="end_turn"),
    PhaseChanged(phase="finished"),
)

MakeSession = Callable[..., SessionDir]


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """A session on disk with a journal of these events."""

    def make(events: tuple[Event, ...] = FINISHED, title: str = "Shop") -> SessionDir:
        project = tmp_path / "shop"
        project.mkdir(exist_ok=True)
        session = create_session(state_dir(), project, "builtin", title)
        journal = Journal(session.journal, 1)
        for event in events:
            journal.append(event)
        journal.close()
        return session

    return make
