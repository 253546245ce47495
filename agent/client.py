"""The client's side of ACP: what an agent tells and asks us."""

import asyncio
import contextlib
import io
from typing import Any

import acp
from acp import schema

from agent import treefiles
from agent.errors import AgentFailed
from agent.events import CommandsListed, Offered
from agent.launch import Launch, Listener
from agent.offering import Offering
from agent.taking_up import Signs
from agent.updates import read_call, read_options, read_tool_call, read_update

_SAID = (schema.UserMessageChunk, schema.AgentMessageChunk, schema.AgentThoughtChunk, schema.ToolCallStart)


class Client:
    """The client's side of ACP: session updates in, permission questions and file requests answered."""

    def __init__(self, launch: Launch, listener: Listener) -> None:
        self._launch = launch
        self._listener = listener
        self.listening = False
        """Off while a session is loaded: what an agent replays then stands in our journal already."""
        self.signs: Signs | None = None
        """Is told what comes while a session is taken up."""
        self.given_up = ""
        """The id of a session that could not be taken up: of it nothing more is heard."""
        self.offering = Offering()
        """What the agent lets its user choose."""

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        """Something happened in the session."""
        if self.signs is not None:
            self.signs.take(session_id, said=isinstance(update, _SAID))
        if session_id == self.given_up:
            return
        self.offer(self.offering.updated(update))
        event = read_update(update)
        # Its commands an agent lists when it opens a session, and never again.
        if not self.listening and not isinstance(event, CommandsListed):
            return
        if event is not None:
            self._listener.happened(event)
        if (call := read_call(update)) is not None:
            self._listener.used(call)

    def offer(self, offering: Offering) -> None:
        """Know what the agent offers from now on, and tell it, if it is something else."""
        before, self.offering = self.offering, offering
        if self.listening and offering.knobs != before.knobs:
            self._listener.happened(Offered(knobs=offering.knobs))

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        """May the tool run? Answered by whoever decides."""
        chosen = await self._listener.asked(read_tool_call(tool_call), read_options(options))
        if chosen is None:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=chosen))

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> schema.ReadTextFileResponse:
        """What a file of the tree holds, all or from ``line`` on; raises `acp.RequestError`."""
        with _refusing(path):
            name = treefiles.relative_name(self._launch.tree, path)
            text = await asyncio.to_thread(treefiles.read_text, self._launch.tree_here, name)
        if line is not None or limit is not None:
            start = max((line or 1) - 1, 0)
            lines = io.StringIO(text, newline="\n").readlines()
            text = "".join(lines[start : None if limit is None else start + limit])
        return schema.ReadTextFileResponse(content=text)

    async def write_text_file(
        self, session_id: str, path: str, content: str, **_: Any
    ) -> schema.WriteTextFileResponse | None:
        """Write a file of the tree; raises `acp.RequestError`."""
        with _refusing(path):
            name = treefiles.relative_name(self._launch.tree, path)
            await asyncio.to_thread(treefiles.write_text, self._launch.tree_here, name, content)
        return schema.WriteTextFileResponse()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Extensions that ask for something are refused."""
        raise acp.RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Extensions that we do not know are kept as frames and have no other effect."""


@contextlib.contextmanager
def _refusing(path: str):
    """Tell the agent, as a protocol error, why a file cannot be read or written."""
    try:
        yield
    except AgentFailed as error:
        raise acp.RequestError.invalid_params({"details": str(error)}) from error
    except OSError as error:
        raise acp.RequestError(-32002, f"{path}: {error.strerror}") from error
