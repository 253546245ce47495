"""A model that never comes to an end is stopped."""

from collections.abc import AsyncIterator
from pathlib import Path

from acp.interfaces import Client
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from agent.builtin.history import History, load_messages
from agent.builtin.store import Store
from agent.builtin.turn import Turn
from tests.agent.builtin.harness import RecordingClient
from tests.agent.builtin.test_resume import unanswered


async def plan_for_ever(messages: list[ModelMessage], _: AgentInfo) -> AsyncIterator[DeltaToolCalls]:
    yield {0: DeltaToolCall("plan", '{"steps": []}', tool_call_id=f"call-{len(messages)}")}


async def say_nothing(_: list[ModelMessage], __: AgentInfo) -> AsyncIterator[str]:
    yield ""


async def test_after_so_many_model_calls(tmp_path: Path) -> None:
    turn, client = turn_with(FunctionModel(stream_function=plan_for_ever), tmp_path)
    assert await turn.run() == "max_turn_requests"
    assert len(client.of("plan")) == 3
    assert len(load_messages(turn.session.history)) == 7
    assert unanswered(turn.session) == set()


async def test_an_empty_answer_is_said_to_be_one_and_counted_but_not_kept(tmp_path: Path) -> None:
    turn, client = turn_with(FunctionModel(stream_function=say_nothing), tmp_path)
    assert await turn.run() == "end_turn"
    assert client.text() == "The model answered nothing."
    assert len(turn.session.history) == 1
    assert turn.session.record.totals.calls == 1
    assert turn.session.record.totals.input_tokens > 0


def turn_with(model: FunctionModel, root: Path) -> tuple[Turn, RecordingClient]:
    session = Store(root).create(str(root), "test")
    client = RecordingClient()
    acp_client: Client = client  # pyright: ignore[reportAssignmentType] - a turn uses only the two methods it has
    history = History(session)
    history.begin("go on")
    return Turn(session, history, model, acp_client, limit=3), client
