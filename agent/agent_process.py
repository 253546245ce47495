"""One agent process and the ACP connection to it, on the `agent-client-protocol` SDK.

What the SDK leaves open and real agents need: standard error is read without end (an unread pipe stops an agent that
writes much) and kept redacted, the environment is passed whole and on purpose, the agent leads its own process group
so that its children die with it, every call has a time limit, and raw frames are kept.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, TypeVar

import acp
from acp import schema
from acp.client.connection import ClientSideConnection
from acp.connection import StreamDirection, StreamEvent

from agent.children import ends_within
from agent.client import Client
from agent.durable import append_private
from agent.errors import AgentDied, AgentFailed, LoginMissing, ResumeFailed
from agent.events import ResumeKind
from agent.knobs import Knob, find_knob
from agent.launch import Launch, Listener, Started, start_program
from agent.logins import read_refusal
from agent.taking_up import Manner, Signs

_START_SECONDS = 90.0
_END_SECONDS = 5.0
LONGEST_END_SECONDS = 5 * _END_SECONDS
"""What `AgentProcess.close` takes at most: what is queued, end of input, SIGTERM, SIGKILL, the connection."""
_LAST_WORDS_SECONDS = 1.0
_LIST_AGAIN_SECONDS = 0.2
_MOST_PAGES = 100
_USUAL = Manner()

Reply = TypeVar("Reply")


class AgentProcess:
    """A running agent that has answered ``initialize``. Make it with `start_agent`, end it with `close`."""

    def __init__(
        self,
        started: Started,
        launch: Launch,
        listener: Listener,
        frames: BinaryIO,
    ) -> None:
        process = started.process
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._client = Client(launch, listener)
        self._launch = launch
        self._frames = frames
        self._log = started.log
        self._session_id = ""
        self._capabilities = schema.AgentCapabilities()
        self.version = ""
        self._connection = ClientSideConnection(
            self._client,  # type: ignore[arg-type]  # the SDK takes any object that has the methods it calls
            process.stdin,
            process.stdout,
            use_unstable_protocol=True,
            observers=[self._keep_frame],
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process, which leads its group."""
        return self._process.pid

    def _keep_frame(self, event: StreamEvent) -> None:
        line = json.dumps({"direction": event.direction.value, "frame": event.message}, separators=(",", ":"))
        if event.direction is StreamDirection.INCOMING:
            self._client.offer(self._client.offering.answered(event.message))
        self._frames.write(line.encode() + b"\n")
        self._frames.flush()

    async def initialize(self) -> None:
        """Agree on the protocol; raises `AgentFailed`."""
        reply = await self._call(
            self._connection.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_capabilities=schema.ClientCapabilities(
                    fs=schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
                ),
                client_info=schema.Implementation(name="castoff", title="castoff", version=version("castoff")),
            ),
            limit=_START_SECONDS,
        )
        self._capabilities = reply.agent_capabilities or schema.AgentCapabilities()
        self.version = reply.agent_info.version if reply.agent_info else ""

    async def open(
        self, session_id: str | None, ways: Sequence[ResumeKind], manner: Manner = _USUAL
    ) -> tuple[str, ResumeKind]:
        """Open a new session, or take up ``session_id`` in the first of ``ways`` that the agent offers.

        Returns the agent's session id and how it was opened. Raises `AgentFailed`; where the agent has no way, refuses,
        or only says that it took the session up, `ResumeFailed`: a session is never silently begun anew.
        """
        if session_id is None:
            reply = await self._call(self._connection.new_session(cwd=self._launch.tree, mcp_servers=[]))
            self._session_id, how = reply.session_id, "new"
        else:
            how = await self._take_up(session_id, ways, manner)
            self._session_id = session_id
        self._client.listening = True
        return self._session_id, how

    async def _take_up(self, session_id: str, ways: Sequence[ResumeKind], manner: Manner) -> ResumeKind:
        signs = self._client.signs = Signs(session_id)
        try:
            way = await self._ask_for(session_id, ways)
            await self._check(session_id, way, manner, signs)
        except AgentFailed:
            self._client.given_up = session_id
            raise
        finally:
            self._client.signs = None
        return way

    async def _ask_for(self, session_id: str, ways: Sequence[ResumeKind]) -> ResumeKind:
        sessions, tree = self._capabilities.session_capabilities, self._launch.tree
        for way in ways:
            if way == "resume" and sessions is not None and sessions.resume is not None:
                await self._resuming(self._connection.resume_session(session_id=session_id, cwd=tree, mcp_servers=[]))
                return way
            if way == "load" and self._capabilities.load_session:
                await self._resuming(self._connection.load_session(session_id=session_id, cwd=tree, mcp_servers=[]))
                return way
        raise ResumeFailed("The agent cannot take up an earlier session.", "Another version of it may: castoff doctor.")

    async def _resuming(self, call: Awaitable[object]) -> None:
        try:
            await self._call(call)
        except AgentFailed as error:
            # A missing login says nothing of the session.
            if isinstance(error.__cause__, acp.RequestError) and not isinstance(error, LoginMissing):
                raise ResumeFailed(str(error)) from error
            raise

    async def _check(self, session_id: str, way: ResumeKind, manner: Manner, signs: Signs) -> None:
        """Whether the agent really has the session that it says it took up; raises `ResumeFailed`."""
        if way == "load" and manner.replays and not await signs.replayed(manner.settle):
            raise ResumeFailed("The agent says that it loaded the session, and shows nothing of it.")
        if signs.of_another:
            raise ResumeFailed("The agent says that it took the session up, and tells of another one.")
        sessions = self._capabilities.session_capabilities
        listed = manner.lists and sessions is not None and sessions.list is not None
        if way == "resume" and listed and not await self._lists(session_id, manner.settle):
            raise ResumeFailed("The agent says that it resumed the session, and does not have it among its sessions.")

    async def _lists(self, session_id: str, settle: float) -> bool:
        """Whether the session is among those that the agent lists, now or within ``settle`` seconds."""
        deadline = asyncio.get_running_loop().time() + settle
        # Some know the tree by another of its paths.
        while not (await self._on_list(session_id, self._launch.tree) or await self._on_list(session_id, None)):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LIST_AGAIN_SECONDS)
        return True

    async def _on_list(self, session_id: str, tree: str | None) -> bool:
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._call(self._connection.list_sessions(cwd=tree, cursor=cursor))
            if any(each.session_id == session_id for each in page.sessions):
                return True
            cursor = page.next_cursor
            if not cursor:
                break
        return False

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What the agent lets its user choose, as it stands."""
        return self._client.offering.knobs

    async def turn(self, knob: str, value: str) -> None:
        """Turn a knob, also the mode of an agent that did not offer any; raises `AgentFailed`."""
        session, connection = self._session_id, self._connection
        way, config_id = self._client.offering.find_way(knob) if find_knob(self.knobs, knob) else ("set_mode", "")
        match way:
            case "set_mode":
                await self._call(connection.set_session_mode(session_id=session, mode_id=value))
            case "set_model":
                # The SDK has no method for it.
                send = connection._conn.send_request  # pyright: ignore[reportPrivateUsage]
                await self._call(send("session/set_model", {"sessionId": session, "modelId": value}))
            case _:
                given = value == "on" if way == "boolean" else value
                # Its answer says all options anew.
                await self._call(connection.set_config_option(config_id=config_id, session_id=session, value=given))
                return
        self._client.offer(self._client.offering.turned(knob, value))

    async def prompt(self, text: str) -> schema.PromptResponse:
        """Run one turn, however long it takes; raises `AgentFailed` when the agent refuses or dies."""
        block = schema.TextContentBlock(type="text", text=text)
        return await self._call(self._connection.prompt(session_id=self._session_id, prompt=[block]), limit=None)

    async def cancel(self) -> None:
        """Ask the agent to end the turn; the prompt then returns."""
        with contextlib.suppress(ConnectionError):
            await self._connection.cancel(session_id=self._session_id)

    async def _call(self, call: Awaitable[Reply], *, limit: float | None = _START_SECONDS) -> Reply:
        try:
            # Not `wait_for`: before Python 3.12 it loses a cancel that comes together with the answer.
            async with asyncio.timeout(limit):
                return await self._answered(call)
        except acp.RequestError as error:
            raise read_refusal(error) from error
        except TimeoutError as error:
            raise AgentFailed(f"The agent did not answer within {limit:.0f} seconds.", self._hint()) from error
        except ConnectionError as error:
            raise AgentDied(await self._epitaph(), self._hint()) from error

    async def _answered(self, call: Awaitable[Reply]) -> Reply:
        """The answer to ``call``; raises `ConnectionError` when the agent died, whoever still holds its output open."""
        answering, gone = asyncio.ensure_future(call), asyncio.create_task(self._process.exited.wait())
        try:
            await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
            # What it said last may still be on its way.
            await asyncio.wait((answering,), timeout=_LAST_WORDS_SECONDS)
            if not answering.done():
                raise ConnectionResetError
            return answering.result()
        finally:
            answering.cancel()
            gone.cancel()

    async def _epitaph(self) -> str:
        """Say how the agent died, with its last words."""
        await ends_within(_END_SECONDS, self._process.exited.wait())
        code = self._process.returncode
        how = "closed its output" if code is None else f"ended with status {code}"
        await asyncio.to_thread(self._log.settle, _LAST_WORDS_SECONDS)
        with self._log.file.open("rb") as log:
            log.seek(max(self._log.start, log.seek(0, os.SEEK_END) - 4000))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return f"The agent {how}" + (f": {lines[-1].strip()[:300]}" if lines else ".")

    def _hint(self) -> str:
        return f"Its own messages are in {self._log.file}."

    async def close(self, *, ends_on_eof: bool = True) -> None:
        """End the agent: end of input, then SIGTERM, then SIGKILL, to its whole process group.

        Without ``ends_on_eof`` no time is lost waiting for an agent that takes no notice of the end of its input.
        """
        # It sends what is queued first, which an agent that does not read holds up until it is dead.
        closing = asyncio.create_task(self._connection.close())
        try:
            await self._end(closing, ends_on_eof)
            # An agent that died leaves a broken pipe behind, and the SDK flushes it once more.
            with contextlib.suppress(ConnectionError):
                await ends_within(_END_SECONDS, closing)
        finally:
            self._close_frames()

    def kill(self) -> None:
        """Kill its process group at once; `close` is still to follow."""
        self._signal(signal.SIGKILL)

    async def _end(self, closing: asyncio.Task[None], ends_on_eof: bool) -> None:
        assert self._process.stdin is not None
        try:
            await asyncio.wait((closing,), timeout=_END_SECONDS)
            self._process.stdin.close()
            for sign in (None, signal.SIGTERM, signal.SIGKILL)[0 if ends_on_eof and closing.done() else 1 :]:
                if sign is not None:
                    self._signal(sign)
                if await ends_within(_END_SECONDS, self._process.exited.wait()):
                    break
        finally:
            # What it started must not outlive it.
            self._signal(signal.SIGKILL)

    def _close_frames(self) -> None:
        if self._frames.closed:
            return
        with contextlib.closing(self._frames):
            # They travel with the journal, and have to be the same there as here later.
            os.fsync(self._frames.fileno())

    def _signal(self, sign: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)


async def start_agent(launch: Launch, listener: Listener, *, frames: Path, log: Path) -> AgentProcess:
    """Start an agent and agree on the protocol; raises `AgentFailed` and leaves no process then."""
    return await greet_agent(await start_program(launch, log), launch, listener, frames=frames)


async def greet_agent(started: Started, launch: Launch, listener: Listener, *, frames: Path) -> AgentProcess:
    """Agree on the protocol with an agent's program; raises `AgentFailed` and leaves no process then."""
    agent = AgentProcess(started, launch, listener, append_private(frames))
    try:
        await agent.initialize()
    except BaseException:
        # Also when cancelled: a process that nobody holds would live on.
        await agent.close()
        raise
    return agent
