"""The ACP updates that the agent sends, made from its own data."""

from collections.abc import Iterable
from typing import Literal

from acp import helpers, text_block
from acp.schema import (
    AgentPlanUpdate,
    ContentToolCallContent,
    Cost,
    FileEditToolCallContent,
    ToolCallLocation,
    ToolCallStart,
    ToolCallUpdate,
    Usage,
    UsageUpdate,
)
from pydantic import JsonValue

from agent.builtin.record import Totals
from agent.builtin.tools.tool import Action
from agent.builtin.workspace import Workspace
from agent.events import DiffContent, PlanEntry, ToolKind

Content = list[ContentToolCallContent | FileEditToolCallContent]


def text_content(text: str) -> Content:
    """Return text as a tool call's content."""
    return [helpers.tool_content(text_block(text))]


def diff_content(diff: DiffContent) -> Content:
    """Return a diff as a tool call's content."""
    return [helpers.tool_diff_content(diff.path, diff.new_text, diff.old_text)]


def started(
    call_id: str, title: str, kind: ToolKind, raw: JsonValue, locations: list[ToolCallLocation] | None = None
) -> ToolCallStart:
    """Return the first sight of a tool call, not acting yet."""
    return helpers.start_tool_call(
        call_id, title, kind=kind, status="pending", locations=locations or [], raw_input=raw
    )


def locations_of(action: Action, workspace: Workspace) -> list[ToolCallLocation]:
    """Return where ``action`` looks or changes, by absolute path."""
    return [ToolCallLocation(path=workspace.absolute(place), line=action.line) for place in action.places]


def question(call_id: str, title: str, kind: ToolKind, raw: JsonValue, content: Content) -> ToolCallUpdate:
    """Return the tool call as a permission request shows it."""
    return ToolCallUpdate(
        tool_call_id=call_id, title=title, kind=kind, status="pending", raw_input=raw, content=[*content]
    )


def plan_update(entries: Iterable[PlanEntry]) -> AgentPlanUpdate:
    """Return the whole plan."""
    return helpers.update_plan(
        helpers.plan_entry(entry.content, priority=entry.priority, status=entry.status) for entry in entries
    )


def usage_update(totals: Totals) -> UsageUpdate:
    """Return the context gauge and the session's cost since it began.

    ``size`` 0 means that the model's context size is unknown; ``cost`` is left out where a price is unknown. The
    session's tokens are under ``_meta.castoff`` as ``inputTokens`` (without cached ones, as in `turn_usage`),
    ``outputTokens`` and ``calls``.
    """
    cost = None if totals.cost_usd is None else Cost(amount=totals.cost_usd, currency="USD")
    meta = {"inputTokens": _uncached(totals), "outputTokens": totals.output_tokens, "calls": totals.calls}
    return UsageUpdate(
        session_update="usage_update",
        used=totals.context_used,
        size=totals.context_size or 0,
        cost=cost,
        field_meta={"castoff": meta},
    )


def _uncached(totals: Totals) -> int:
    return max(0, totals.input_tokens - totals.cache_read_tokens - totals.cache_write_tokens)


def turn_usage(before: Totals, after: Totals) -> Usage:
    """Return what one turn used; ``input_tokens`` is without the cached ones, as ACP's other agents count."""
    read = after.cache_read_tokens - before.cache_read_tokens
    written = after.cache_write_tokens - before.cache_write_tokens
    made = after.output_tokens - before.output_tokens
    return Usage(
        total_tokens=after.input_tokens - before.input_tokens + made,
        input_tokens=max(0, _uncached(after) - _uncached(before)),
        output_tokens=made,
        cached_read_tokens=read,
        cached_write_tokens=written,
    )


def ended(failed: bool) -> Literal["completed", "failed"]:
    """Return a finished tool call's status."""
    return "failed" if failed else "completed"
