"""ACP session updates as journal events: the one place that knows the SDK's update classes.

Lossless frames are kept elsewhere (`agent.sessions.SessionDir.frames`); here only what the fold shows is taken.
Source of the shapes: Agent Client Protocol schema 1.19, `agent-client-protocol` 0.12.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, Any

from acp import schema
from pydantic import BaseModel, Field, ValidationError

from agent.events import (
    AgentCommand,
    CommandsListed,
    DiffContent,
    Event,
    Location,
    PermissionOption,
    PlanEntry,
    Planned,
    Text,
    TextContent,
    Thought,
    ToolCalled,
    ToolContent,
    Used,
)
from agent.usage import CallUsed

_MOST_COMMANDS = 500
_LONGEST_NAME = 100
_LONGEST_WHAT = 500


def read_update(update: Any) -> Event | None:
    """The event that an ACP ``session/update`` stands for, or ``None`` for a kind that the journal has no use for."""
    match update:
        case schema.AgentMessageChunk():
            return Text(text=_text(update.content)) if _text(update.content) else None
        case schema.AgentThoughtChunk():
            return Thought(text=_text(update.content)) if _text(update.content) else None
        case schema.ToolCallStart() | schema.ToolCallProgress():
            return read_tool_call(update)
        case schema.AgentPlanUpdate():
            return Planned(entries=_plan(update.entries))
        case schema.AvailableCommandsUpdate():
            return CommandsListed(commands=_commands(update.available_commands))
        case schema.UsageUpdate():
            return _usage(update)
        case _:
            return None


def read_tool_call(call: schema.ToolCall | schema.ToolCallUpdate) -> ToolCalled:
    """The event for a tool call as first announced, as updated, or as a permission request describes it."""
    return ToolCalled(
        call_id=call.tool_call_id,
        title=call.title or None,
        tool_kind=call.kind,
        status=call.status,
        locations=_locations(call.locations),
        content=_contents(call.content),
        raw_input=call.raw_input,
    )


def read_options(options: Sequence[schema.PermissionOption]) -> tuple[PermissionOption, ...]:
    """The answers that a permission request offers."""
    return tuple(PermissionOption(option_id=o.option_id, name=o.name, kind=o.kind) for o in options)


def _text(content: Any) -> str:
    match content:
        case schema.TextContentBlock():
            return content.text
        case schema.ResourceContentBlock():
            return f"[{content.name}]"
        case schema.ImageContentBlock():
            return f"[image, {content.mime_type}]"
        case schema.AudioContentBlock():
            return f"[audio, {content.mime_type}]"
        case _:
            return ""


def _commands(commands: Iterable[schema.AvailableCommand]) -> tuple[AgentCommand, ...]:
    """The agent's commands, of which there are no more than anybody could read."""
    return tuple(
        AgentCommand(
            name=command.name[:_LONGEST_NAME],
            what=command.description[:_LONGEST_WHAT],
            hint=command.input.root.hint[:_LONGEST_WHAT] if command.input is not None else "",
        )
        for command in islice(commands, _MOST_COMMANDS)
    )


def _plan(entries: Iterable[schema.PlanEntry]) -> tuple[PlanEntry, ...]:
    return tuple(PlanEntry(content=e.content, status=e.status, priority=e.priority) for e in entries)


class _CallUsed(BaseModel):
    """What Qwen puts under ``_meta.usage`` of an empty chunk of its message; the input with what was cached."""

    input_tokens: Annotated[int, Field(alias="inputTokens", ge=0)]
    output_tokens: Annotated[int, Field(alias="outputTokens", ge=0)]


class _CallMeta(BaseModel):
    usage: _CallUsed


def read_call(update: Any) -> CallUsed | None:
    """The tokens of one call of the agent's model, where an ACP ``session/update`` tells them."""
    try:
        told = _CallMeta.model_validate(update.field_meta).usage
    except ValidationError:
        return None
    return CallUsed(told.input_tokens, told.output_tokens)


class _Totals(BaseModel):
    """The session's totals that the built-in agent puts under ``_meta.castoff`` of a usage update."""

    input_tokens: Annotated[int, Field(alias="inputTokens", ge=0)]
    output_tokens: Annotated[int, Field(alias="outputTokens", ge=0)]


def _usage(update: schema.UsageUpdate) -> Used:
    used = Used(cost_usd=_dollars(update.cost), context_used=update.used, context_size=update.size)
    try:
        totals = _Totals.model_validate((update.field_meta or {}).get("castoff"))
    except ValidationError:
        return used
    # Whoever says the totals says all that is known: no cost beside them means that it is unknown.
    tokens = {"input_tokens": totals.input_tokens, "output_tokens": totals.output_tokens}
    return used.model_copy(update=tokens | {"unpriced": used.cost_usd is None})


def _dollars(cost: schema.Cost | None) -> float | None:
    # Another currency is not dollars: unknown, never taken for free or for one to one.
    return cost.amount if cost is not None and cost.currency.upper() == "USD" else None


def _locations(locations: Sequence[schema.ToolCallLocation] | None) -> tuple[Location, ...] | None:
    if locations is None:
        return None
    return tuple(Location(path=each.path, line=each.line) for each in locations)


def _contents(contents: Sequence[Any] | None) -> tuple[ToolContent, ...] | None:
    if contents is None:
        return None
    return tuple(read for each in contents if (read := _content(each)) is not None)


def _content(content: Any) -> ToolContent | None:
    match content:
        case schema.FileEditToolCallContent():
            return DiffContent(path=content.path, old_text=content.old_text, new_text=content.new_text)
        case schema.ContentToolCallContent():
            return TextContent(text=_text(content.content))
        case _:
            return None
