"""The ACP surface: sessions, modes, prompts and cancels."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

from acp import PROTOCOL_VERSION
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    CloseSessionResponse,
    Implementation,
    InitializeResponse,
    ListSessionsResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptResponse,
    ResumeSessionResponse,
    SessionCapabilities,
    SessionCloseCapabilities,
    SessionInfo,
    SessionListCapabilities,
    SessionResumeCapabilities,
    SetSessionModeResponse,
)

from agent.builtin import NAME, updates
from agent.builtin.errors import BuiltinError, ModelError, SessionError, to_request_error
from agent.builtin.permission import mode_state
from agent.builtin.prompts import Block, prompt_text
from agent.builtin.sessions import OpenSession, Sessions, busy, unsaved
from agent.builtin.store import Store
from agent.builtin.workspace import Workspace
from agent.events import Policy

CAPABILITIES = AgentCapabilities(
    load_session=True,
    session_capabilities=SessionCapabilities(
        resume=SessionResumeCapabilities(), list=SessionListCapabilities(), close=SessionCloseCapabilities()
    ),
)


class BuiltinAgent:
    """castoff's own agent as an ACP agent; give it to `acp.run_agent`.

    Failures reach the client as ACP errors whose message is a sentence for the user (`errors.to_request_error`).
    """

    def __init__(self) -> None:
        self._sessions = Sessions(Store())
        self._client: Client | None = None

    def on_connect(self, conn: Client) -> None:
        """Keep the client's side of the connection."""
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        """Say who we are and what we can do."""
        return InitializeResponse(
            protocol_version=min(protocol_version, PROTOCOL_VERSION),
            agent_capabilities=CAPABILITIES,
            agent_info=Implementation(name=NAME, title="castoff", version=own_version()),
        )

    async def new_session(self, cwd: str, mcp_servers: Sequence[Any] | None = None, **_: Any) -> NewSessionResponse:
        """Start a session."""
        try:
            _refuse_servers(mcp_servers)
            opened = self._sessions.create(cwd)
        except BuiltinError as error:
            raise to_request_error(error) from error
        record = opened.session.record
        return NewSessionResponse(session_id=record.session_id, modes=mode_state(record.mode))

    async def load_session(
        self, cwd: str, session_id: str, mcp_servers: Sequence[Any] | None = None, **_: Any
    ) -> LoadSessionResponse:
        """Open a session from its file and tell its whole conversation again before answering."""
        opened = await self._open(session_id, cwd, mcp_servers)
        await self._replay(opened)
        return LoadSessionResponse(modes=mode_state(opened.session.record.mode))

    async def resume_session(
        self, session_id: str, cwd: str, mcp_servers: Sequence[Any] | None = None, **_: Any
    ) -> ResumeSessionResponse:
        """Open a session from its file without telling anything again."""
        opened = await self._open(session_id, cwd, mcp_servers)
        return ResumeSessionResponse(modes=mode_state(opened.session.record.mode))

    async def list_sessions(self, cwd: str | None = None, **_: Any) -> ListSessionsResponse:
        """List the stored sessions, newest first."""
        records = await asyncio.to_thread(self._sessions.store.records)
        infos = [
            SessionInfo(session_id=record.session_id, cwd=record.cwd, title=record.title, updated_at=record.updated_at)
            for record in records
            if cwd is None or record.cwd == cwd
        ]
        return ListSessionsResponse(sessions=infos)

    async def close_session(self, session_id: str, **_: Any) -> CloseSessionResponse:
        """Stop a session's turn and forget it; its file stays."""
        opened = self._find(session_id)
        await opened.stop()
        self._sessions.opened.pop(session_id, None)
        return CloseSessionResponse()

    async def set_session_mode(self, session_id: str, mode_id: str, **_: Any) -> SetSessionModeResponse:
        """Choose when to ask; holds at once, and over every later load."""
        opened = self._find(session_id)
        if mode_id not in get_args(Policy):
            error = SessionError(f"There is no mode “{mode_id}”.", f"Modes: {', '.join(get_args(Policy))}.")
            raise to_request_error(error)
        opened.session.change(mode=mode_id)
        try:
            opened.session.save()
        except OSError as error:
            raise to_request_error(unsaved(error)) from error
        return SetSessionModeResponse()

    async def prompt(self, session_id: str, prompt: list[Block], **_: Any) -> PromptResponse:
        """Run a turn and return when it has ended."""
        opened = self._find(session_id)
        try:
            if opened.busy:
                raise busy(session_id)
            text = prompt_text(prompt)
        except SessionError as error:
            raise to_request_error(error) from error
        before = opened.session.record.totals
        opened.turn = asyncio.create_task(self._run_turn(opened, text))
        await asyncio.wait([opened.turn])
        if opened.turn.cancelled():
            usage = updates.turn_usage(before, opened.session.record.totals)
            return PromptResponse(stop_reason="cancelled", usage=usage)
        return opened.turn.result()

    async def cancel(self, session_id: str, **_: Any) -> None:
        """Stop a session's turn; a command that it runs is killed."""
        if session_id in self._sessions.opened:
            await self._sessions.opened[session_id].stop()

    async def close(self) -> None:
        """Stop everything that runs, for the end of the process."""
        await self._sessions.close()

    async def _run_turn(self, opened: OpenSession, text: str) -> PromptResponse:
        session, before = opened.session, opened.session.record.totals
        if not session.record.title:
            session.change(title=text.strip().splitlines()[0][:80])
        try:
            model = await self._sessions.model(session.record.model)
            from agent.builtin.history import History
            from agent.builtin.turn import Turn

            opened.history = opened.history or History(session)
            opened.history.begin(f"{opened.note}\n\n{text}" if opened.note else text)
            opened.note = ""
            session.save()
            # Only now, with the prompt on disk: once there is a model, "continue" shall mean something.
            if isinstance(model, ModelError):
                raise model
            stop_reason = await Turn(session, opened.history, model, self._connected()).run()
        except ModelError as error:
            raise to_request_error(error) from error
        except OSError as error:
            raise to_request_error(unsaved(error)) from error
        usage = updates.turn_usage(before, session.record.totals)
        return PromptResponse(stop_reason=stop_reason, usage=usage)

    async def _replay(self, opened: OpenSession) -> None:
        from agent.builtin.replay import replay

        record = opened.session.record
        messages = opened.history.messages if opened.history else []
        for update in replay(messages, Workspace(Path(record.cwd))):
            await self._update(record.session_id, update)
        if record.plan:
            await self._update(record.session_id, updates.plan_update(record.plan))
        if record.totals.calls:
            await self._update(record.session_id, updates.usage_update(record.totals))

    async def _open(self, session_id: str, cwd: str, mcp_servers: Sequence[Any] | None) -> OpenSession:
        try:
            _refuse_servers(mcp_servers)
            return await self._sessions.open(session_id, cwd)
        except BuiltinError as error:
            raise to_request_error(error) from error

    def _find(self, session_id: str) -> OpenSession:
        try:
            return self._sessions.find(session_id)
        except SessionError as error:
            raise to_request_error(error) from error

    async def _update(self, session_id: str, update: Any) -> None:
        await self._connected().session_update(session_id=session_id, update=update)

    def _connected(self) -> Client:
        assert self._client is not None  # the connection is made before it can hand us a request
        return self._client


def own_version() -> str:
    """Return castoff's version, ``0`` when it runs from a source tree that is not installed."""
    try:
        return version("castoff")
    except PackageNotFoundError:
        return "0"


def _refuse_servers(servers: Sequence[Any] | None) -> None:
    if servers:
        raise SessionError("The built-in agent speaks to no MCP servers.", "Start it without any.", code="session-mcp")
