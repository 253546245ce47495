"""ACP updates, as agents send them on the wire, become events."""

from typing import Any

import pytest
from acp import schema

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
    Used,
)
from agent.updates import read_call, read_options, read_tool_call, read_update
from agent.usage import CallUsed


def read(kind: str, /, **fields: Any) -> Event | None:
    notification = {"sessionId": "s", "update": {"sessionUpdate": kind, **fields}}
    return read_update(schema.SessionNotification.model_validate(notification).update)


def chunk(kind: str, **content: Any) -> Event | None:
    return read(kind, content=content)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"type": "text", "text": "Hello"}, "Hello"),
        ({"type": "resource_link", "name": "a.py", "uri": "file:///a.py"}, "[a.py]"),
        ({"type": "image", "mimeType": "image/png", "data": "AAAA"}, "[image, image/png]"),
        ({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}, "[audio, audio/wav]"),
    ],
)
def test_messages(content: dict[str, Any], text: str) -> None:
    assert chunk("agent_message_chunk", **content) == Text(text=text)
    assert chunk("agent_thought_chunk", **content) == Thought(text=text)


def test_empty_text_is_nothing() -> None:
    assert chunk("agent_message_chunk", type="text", text="") is None
    assert chunk("agent_thought_chunk", type="text", text="") is None


@pytest.mark.parametrize(
    ("meta", "call"),
    [
        ({"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}}, CallUsed(5, 2)),
        ({"usage": {"inputTokens": -5, "outputTokens": 2}}, None),
        ({"usage": None}, None),
        (None, None),
    ],
)
def test_tokens_of_one_call(meta: dict[str, Any] | None, call: CallUsed | None) -> None:
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""}, "_meta": meta}
    assert read_call(schema.SessionNotification.model_validate({"sessionId": "s", "update": update}).update) == call


def test_kinds_without_use_are_nothing() -> None:
    assert chunk("user_message_chunk", type="text", text="echo") is None
    assert read("current_mode_update", currentModeId="ask") is None


def test_the_agent_s_commands() -> None:
    listed = [
        {"name": "review", "description": "Look at the changes", "input": {"hint": "what of"}},
        {"name": "init", "description": "Begin"},
    ]
    assert read("available_commands_update", availableCommands=listed) == CommandsListed(
        commands=(
            AgentCommand(name="review", what="Look at the changes", hint="what of"),
            AgentCommand(name="init", what="Begin"),
        )
    )
    flood = [{"name": "x" * 999, "description": "y" * 9999}] * 2000
    cut = read("available_commands_update", availableCommands=flood)
    assert isinstance(cut, CommandsListed) and len(cut.model_dump_json()) < 400_000


def test_a_tool_call() -> None:
    event = read(
        "tool_call",
        toolCallId="c",
        title="Edit a.py",
        kind="edit",
        status="pending",
        locations=[{"path": "/p/a.py", "line": 3}, {"path": "/p/b.py"}],
        content=[
            {"type": "diff", "path": "/p/a.py", "oldText": None, "newText": "new"},
            {"type": "content", "content": {"type": "text", "text": "said"}},
            {"type": "terminal", "terminalId": "t"},
        ],
        rawInput={"path": "a.py"},
    )
    assert event == ToolCalled(
        call_id="c",
        title="Edit a.py",
        tool_kind="edit",
        status="pending",
        locations=(Location(path="/p/a.py", line=3), Location(path="/p/b.py")),
        content=(DiffContent(path="/p/a.py", old_text=None, new_text="new"), TextContent(text="said")),
        raw_input={"path": "a.py"},
    )


def test_what_an_update_leaves_out_is_unchanged() -> None:
    assert read("tool_call_update", toolCallId="c") == ToolCalled(call_id="c")
    assert read("tool_call_update", toolCallId="c", title="", content=[]) == ToolCalled(call_id="c", content=())


def test_a_permission_request_that_has_only_an_id() -> None:
    call = schema.ToolCallUpdate.model_validate({"toolCallId": "c", "title": None})
    assert read_tool_call(call) == ToolCalled(call_id="c")


def test_options() -> None:
    options = [schema.PermissionOption(option_id="a", name="Allow", kind="allow_once")] * 2
    assert read_options(options) == (PermissionOption(option_id="a", name="Allow", kind="allow_once"),) * 2


def test_a_plan() -> None:
    entries = [{"content": "Look", "status": "completed", "priority": "high"}]
    expected = PlanEntry(content="Look", status="completed", priority="high")
    assert read("plan", entries=entries) == Planned(entries=(expected,))


@pytest.mark.parametrize(
    ("cost", "dollars"),
    [
        ({"amount": 0.5, "currency": "USD"}, 0.5),
        ({"amount": 0.5, "currency": "usd"}, 0.5),
        ({"amount": 0.5, "currency": "EUR"}, None),
        (None, None),
    ],
)
def test_usage(cost: dict[str, Any] | None, dollars: float | None) -> None:
    assert read("usage_update", used=5, size=9, cost=cost) == Used(context_used=5, context_size=9, cost_usd=dollars)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ({"amount": 0.5, "currency": "USD"}, Used(cost_usd=0.5, input_tokens=7, output_tokens=2, context_used=5)),
        (None, Used(unpriced=True, input_tokens=7, output_tokens=2, context_used=5)),
    ],
)
def test_running_totals_say_all_that_is_known(cost: dict[str, Any] | None, expected: Used) -> None:
    totals = {"castoff": {"inputTokens": 7, "outputTokens": 2, "calls": 1}}
    read_totals = read("usage_update", used=5, size=9, cost=cost, _meta=totals)
    assert read_totals == expected.model_copy(update={"context_size": 9})


@pytest.mark.parametrize("meta", [{}, {"castoff": 3}, {"castoff": {"inputTokens": -1, "outputTokens": "x"}}])
def test_totals_that_make_no_sense_are_none(meta: dict[str, Any]) -> None:
    assert read("usage_update", used=5, size=9, _meta=meta) == Used(context_used=5, context_size=9)
