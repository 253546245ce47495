"""Drives the built-in agent as a real subprocess through the SDK's client side."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    InitializeResponse,
    PermissionOption,
    PromptResponse,
    RequestPermissionResponse,
    ToolCallUpdate,
)

Answer = Callable[[ToolCallUpdate], str | None]
DEADLINE = 30.0


def allow(_: ToolCallUpdate) -> str:
    return "allow"


@dataclass
class RecordingClient:
    """Keeps every update and question in order; answers questions with ``answer`` (``None``: cancelled)."""

    answer: Answer = allow
    updates: list[Any] = field(default_factory=list[Any])
    questions: list[ToolCallUpdate] = field(default_factory=list[ToolCallUpdate])
    options: list[list[PermissionOption]] = field(default_factory=list[list[PermissionOption]])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)
        async with self.changed:
            self.changed.notify_all()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        self.questions.append(tool_call)
        self.options.append(options)
        option_id = self.answer(tool_call)
        if option_id is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=option_id))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; it is looked at after each update."""
        async with asyncio.timeout(DEADLINE), self.changed:
            await self.changed.wait_for(condition)

    def of(self, kind: str) -> list[Any]:
        return [update for update in self.updates if update.session_update == kind]

    def text(self) -> str:
        return "".join(update.content.text for update in self.of("agent_message_chunk"))

    def call(self, title: str) -> tuple[Any, list[Any]]:
        """Return the tool call whose title begins with ``title``, and its updates."""
        start = next(update for update in self.of("tool_call") if update.title.startswith(title))
        updates = [update for update in self.of("tool_call_update") if update.tool_call_id == start.tool_call_id]
        return start, updates


@dataclass
class RunningAgent:
    """A started and initialised agent."""

    connection: ClientSideConnection
    process: asyncio.subprocess.Process
    client: RecordingClient
    introduction: InitializeResponse
    tree: Path
    home: Path

    async def new(self, mode: str | None = "accept-all") -> str:
        session = await self.connection.new_session(cwd=str(self.tree))
        if mode:
            await self.connection.set_session_mode(session_id=session.session_id, mode_id=mode)
        return session.session_id

    async def prompt(self, session_id: str, text: str) -> PromptResponse:
        return await self.connection.prompt(session_id=session_id, prompt=[text_block(text)])

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)

    def session_file(self, session_id: str) -> Path:
        return self.home / "sessions" / f"{session_id}.json"


@asynccontextmanager
async def running_agent(
    place: Path, environment: dict[str, str], answer: Answer = allow
) -> AsyncGenerator[RunningAgent]:
    """Start an agent whose home and project lie in ``place``; its standard error is ``place/stderr``."""
    tree, home = place / "tree", place / "agent-home"
    tree.mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8", "CASTOFF_AGENT_HOME": str(home)}
    client = RecordingClient(answer)
    with (place / "stderr").open("ab") as errors:
        async with spawn_agent_process(
            client,  # pyright: ignore[reportArgumentType] - the SDK takes any object that has the methods it calls
            sys.executable,
            "-I",
            "-m",
            "agent.builtin",
            env=env | environment,
            cwd=place,
            use_unstable_protocol=True,
            transport_kwargs={"stderr": errors, "limit": 64 << 20, "shutdown_timeout": DEADLINE},
        ) as (connection, process):
            introduction = await connection.initialize(protocol_version=PROTOCOL_VERSION)
            yield RunningAgent(connection, process, client, introduction, tree, home)


def alive(pid: int) -> bool:
    """Whether a process runs (one that waits to be reaped does not)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False
