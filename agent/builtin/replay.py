"""An old conversation as the updates that first told it, for `session/load`."""

from collections.abc import Iterator
from typing import Any

from acp import helpers
from acp.schema import ToolCallLocation
from pydantic import JsonValue
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from agent.builtin import updates
from agent.builtin.errors import ToolFailure
from agent.builtin.tools.edit import EditArguments
from agent.builtin.tools.registry import check_arguments, find_tool, raw_arguments
from agent.builtin.tools.tool import Arguments, Tool
from agent.builtin.tools.write import WriteArguments
from agent.builtin.workspace import Workspace
from agent.events import DiffContent

# Any: an ACP session update; the SDK has no name for the union of them.
Update = Any


def replay(messages: list[ModelMessage], workspace: Workspace) -> Iterator[Update]:
    """Yield the updates for ``messages``: prompts, answers, thoughts, tool calls and their results.

    A past edit shows only the pieces of text that the call exchanged: the file as it was then is not kept.
    """
    arguments: dict[str, Arguments] = {}
    for message in messages:
        for part in message.parts:
            match part:
                case UserPromptPart(content=str(text)) if isinstance(message, ModelRequest):
                    yield helpers.update_user_message_text(text)
                case TextPart(content=text) if text:
                    yield helpers.update_agent_message_text(text)
                case ThinkingPart(content=text) if text:
                    yield helpers.update_agent_thought_text(text)
                case ToolCallPart():
                    yield from _replay_call(part, workspace, arguments)
                case ToolReturnPart():
                    yield from _replay_result(part, workspace, arguments.get(part.tool_call_id))
                case _:
                    pass


def _replay_call(part: ToolCallPart, workspace: Workspace, known: dict[str, Arguments]) -> Iterator[Update]:
    raw = raw_arguments(part.args)
    try:
        tool = find_tool(part.tool_name)
        arguments = check_arguments(tool, raw)
    except ToolFailure:
        yield updates.started(part.tool_call_id, part.tool_name, "other", raw)
        return
    known[part.tool_call_id] = arguments
    if not tool.hidden:
        places = _locations(tool, raw, workspace)
        yield updates.started(part.tool_call_id, tool.describe(arguments), tool.kind, raw, places)


def _locations(tool: Tool[Any], raw: JsonValue, workspace: Workspace) -> list[ToolCallLocation]:
    path = raw.get("path") if isinstance(raw, dict) else None
    if tool.need == "run" or not isinstance(path, str):
        return []
    return [ToolCallLocation(path=str(workspace.cwd / path))]


def _replay_result(part: ToolReturnPart, workspace: Workspace, arguments: Arguments | None) -> Iterator[Update]:
    if part.tool_name == "plan" and arguments is not None:
        return
    failed = part.outcome != "success" or part.metadata is not None
    content = updates.text_content(str(part.content))
    if not failed and isinstance(arguments, EditArguments | WriteArguments):
        old = arguments.old if isinstance(arguments, EditArguments) else None
        new = arguments.new if isinstance(arguments, EditArguments) else arguments.content
        path = str(workspace.cwd / arguments.path)
        content = updates.diff_content(DiffContent(path=path, old_text=old, new_text=new))
    yield helpers.update_tool_call(part.tool_call_id, status=updates.ended(failed), content=content)
