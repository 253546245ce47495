"""One tool call of the model, from its arguments to its result: checked, shown, allowed, recorded, run."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from acp import helpers
from acp.interfaces import Client
from pydantic import JsonValue
from pydantic_ai.messages import ToolCallPart, ToolReturnPart

from agent.builtin import updates
from agent.builtin.errors import ToolFailure
from agent.builtin.permission import ask, must_ask
from agent.builtin.record import InFlight
from agent.builtin.store import Session
from agent.builtin.tools.registry import check_arguments, find_tool, raw_arguments
from agent.builtin.tools.tool import Action, Result, Tool
from agent.builtin.workspace import Workspace
from agent.events import ToolKind

Outcome = Literal["success", "failed", "denied", "interrupted"]

REJECTED = "The user rejected this call: nothing was done. Go on without it, or ask what they would rather have."
CANCELLED = "The user cancelled the turn while this call ran: it was stopped, and may have run in part."
CANCELLED_BEFORE = "The user cancelled the turn before this call: nothing was done."


@dataclass
class Call:
    """A tool call in progress. After a cancel, ``acted`` tells whether it had begun to act."""

    session: Session
    client: Client
    part: ToolCallPart
    acted: bool = False

    @property
    def raw(self) -> JsonValue:
        """The arguments as the model gave them."""
        return raw_arguments(self.part.args)

    async def perform(self) -> ToolReturnPart:
        """Carry the call out and return its result for the model; a failure is a result, too."""
        workspace = Workspace(Path(self.session.record.cwd))
        try:
            tool = find_tool(self.part.tool_name)
            action = tool.prepare(check_arguments(tool, self.raw), workspace)
        except (ToolFailure, OSError) as error:
            return await self._refuse(_explain(error))
        try:
            await self._show_start(tool, action, workspace)
            if not await self._allowed(tool, action):
                await self._show_end(tool, action, Result(REJECTED, failed=True))
                return self._answer(REJECTED, "denied")
            result = await self._act(tool, action)
        except asyncio.CancelledError:
            text = CANCELLED if self.acted else CANCELLED_BEFORE
            await self._show_end(tool, action, Result(text, failed=True))
            raise
        await self._show_end(tool, action, result)
        return self._answer(result.text, "failed" if result.error else "success", failed=result.failed)

    def cancelled(self) -> ToolReturnPart:
        """Return the result of a call that a cancel stopped or came before."""
        return self._answer(CANCELLED if self.acted else CANCELLED_BEFORE, "interrupted")

    async def _act(self, tool: Tool[Any], action: Action) -> Result:
        """Run the action, recorded on disk as in flight before it begins."""
        self.session.change(in_flight=InFlight(call_id=self.part.tool_call_id, name=tool.name, args=self.raw))
        self.session.save()
        self.acted = True
        if not tool.hidden:
            await self._update(helpers.update_tool_call(self.part.tool_call_id, status="in_progress"))
        try:
            return await action.run(self._show_output)
        except (ToolFailure, OSError) as error:
            return Result(_explain(error), failed=True, error=True)

    async def _allowed(self, tool: Tool[Any], action: Action) -> bool:
        record = self.session.record
        if not must_ask(record.mode, tool.need, tool.name, record.allowed):
            return True
        content = updates.diff_content(action.diff) if action.diff else []
        shown = updates.question(self.part.tool_call_id, action.title, tool.kind, self.raw, content)
        decision = await ask(self.client, record.session_id, shown, tool.name)
        if decision == "allow-always":
            self.session.change(allowed=(*self.session.record.allowed, tool.name))
        return decision != "reject"

    async def _refuse(self, text: str) -> ToolReturnPart:
        """Show and return a call that could not even be prepared."""
        name, call_id = self.part.tool_name, self.part.tool_call_id
        await self._update(updates.started(call_id, name, _kind(name), self.raw))
        await self._update(helpers.update_tool_call(call_id, status="failed", content=updates.text_content(text)))
        return self._answer(text, "failed")

    async def _show_start(self, tool: Tool[Any], action: Action, workspace: Workspace) -> None:
        if not tool.hidden:
            places = updates.locations_of(action, workspace)
            await self._update(updates.started(self.part.tool_call_id, action.title, tool.kind, self.raw, places))

    async def _show_output(self, text: str) -> None:
        call_id = self.part.tool_call_id
        await self._update(helpers.update_tool_call(call_id, status="in_progress", content=updates.text_content(text)))

    async def _show_end(self, tool: Tool[Any], action: Action, result: Result) -> None:
        if result.plan is not None:
            self.session.change(plan=result.plan)
            await self._update(updates.plan_update(result.plan))
        if tool.hidden:
            return
        changed = action.diff is not None and not result.failed
        content = updates.diff_content(action.diff) if action.diff and changed else updates.text_content(result.text)
        status = updates.ended(result.failed)
        await self._update(helpers.update_tool_call(self.part.tool_call_id, status=status, content=content))

    async def _update(self, update: Any) -> None:
        await self.client.session_update(session_id=self.session.record.session_id, update=update)

    def _answer(self, text: str, outcome: Outcome, *, failed: bool = False) -> ToolReturnPart:
        """The metadata stays here: it is for the replay, not for the provider."""
        metadata = {"failed": True} if failed else None
        return ToolReturnPart(self.part.tool_name, text, self.part.tool_call_id, outcome=outcome, metadata=metadata)


def _kind(name: str) -> ToolKind:
    try:
        return find_tool(name).kind
    except ToolFailure:
        return "other"


def _explain(error: ToolFailure | OSError) -> str:
    if isinstance(error, ToolFailure):
        return error.text
    return f"This failed: {error.strerror or error}" + (f": {error.filename!r}." if error.filename else ".")
