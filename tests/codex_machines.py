"""A real Codex agent on machines that a test makes up: each a HOME of its own, the tree at the same path on all.

A plugin: the fixtures are ``codex_tree`` and ``machines``.
"""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.agent_process import start_agent
from agent.events import Event, PermissionOption, Text, ToolCalled
from agent.launch import Launch, Listener
from agent.policy import allow_once
from agent.profiles import load_profile
from agent.programs import agent_command
from agent.session_files import session_files
from tests.agents import ResponsesModel, write_codex_config

CODEX = load_profile("codex", Path("/nonexistent"))

Answer = Callable[[ToolCalled, tuple[PermissionOption, ...]], str | None]


def accept(call: ToolCalled, options: tuple[PermissionOption, ...]) -> str | None:
    return allow_once(options)


def reject(call: ToolCalled, options: tuple[PermissionOption, ...]) -> str | None:
    return next(option.option_id for option in options if option.kind == "reject_once")


@dataclass
class Heard:
    """Everything that the agent said and asked."""

    events: list[Event] = field(default_factory=list[Event])
    asked: list[ToolCalled] = field(default_factory=list[ToolCalled])

    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))

    def calls(self, kind: str) -> list[ToolCalled]:
        return [event for event in self.events if isinstance(event, ToolCalled) and event.tool_kind == kind]

    def status(self, call_id: str) -> str | None:
        calls = [event for event in self.events if isinstance(event, ToolCalled) and event.call_id == call_id]
        return next((call.status for call in reversed(calls) if call.status is not None), None)


@dataclass(frozen=True)
class Machine:
    """A HOME with Codex installed and configured, and the tree, which is at the same path on each machine."""

    home: Path
    tree: Path
    frames: Path
    environ: dict[str, str]

    @property
    def pid_file(self) -> Path:
        return self.home / "agent.pid"

    def launch(self) -> Launch:
        """How to start the agent here; it writes ``pid_file`` first."""
        note_pid = ["/bin/sh", "-c", 'echo $$ > "$0"; exec "$@"', str(self.pid_file)]
        argv = [*note_pid, *agent_command(CODEX, self.environ)]
        return Launch(argv=argv, env=self.environ, cwd=self.tree, tree=str(self.tree), tree_here=self.tree)

    @asynccontextmanager
    async def agent(self, heard: Heard, answer: Answer = accept):
        """A running agent, which is ended at the end."""

        async def asked(call: ToolCalled, options: tuple[PermissionOption, ...]) -> str | None:
            heard.asked.append(call)
            return answer(call, options)

        listener = Listener(happened=heard.events.append, asked=asked)
        agent = await start_agent(self.launch(), listener, frames=self.frames, log=self.home / "agent.log")
        try:
            yield agent
        finally:
            await agent.close(ends_on_eof=CODEX.ends_on_eof)

    def kill(self) -> None:
        """End the agent as a crash or a power cut would."""
        os.kill(int(self.pid_file.read_text("utf-8")), signal.SIGKILL)


Machines = Callable[[str], Machine]


@pytest.fixture
def codex_tree(tmp_path: Path) -> Path:
    tree = tmp_path / "my project"
    tree.mkdir()
    (tree / "greet.py").write_text('def greet():\n    return "hello"\n', "utf-8")
    return tree


@pytest.fixture
def machines(tmp_path: Path, codex_tree: Path, codex_prefix: Path, responses_model: ResponsesModel) -> Machines:
    def make(name: str) -> Machine:
        home = tmp_path / name
        (home / "data" / "agents").mkdir(parents=True)
        (home / "data" / "agents" / "codex").symlink_to(codex_prefix)
        write_codex_config(home, responses_model.url)
        environ = {
            "HOME": str(home),
            "CASTOFF_DATA": str(home / "data"),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "OPENAI_API_KEY": "any",
            "NO_PROXY": "127.0.0.1",
        }
        return Machine(home, codex_tree, tmp_path / f"{name}.jsonl", environ)

    return make


def carry(origin: Machine, target: Machine, sid: str) -> tuple[Path, ...]:
    """Copy the agent's files of the session, and nothing else."""
    names = session_files(CODEX, origin.home, sid, "ours")
    for name in names:
        (target.home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(origin.home / name, target.home / name)
    return names


def assert_continues(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """Assert that every item of the earlier conversation is in the later one, in order and unchanged."""
    rest = iter(after)
    missing = [item for item in before if not any(item == other for other in rest)]
    assert missing == []
