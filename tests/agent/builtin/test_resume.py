"""What is left after kill -9, after a move, after a restart: everything, and the truth about what was cut off."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError
from pydantic_core import from_json

from agent.builtin.history import INTERRUPTED, NOT_STARTED, dump_message, load_messages
from agent.builtin.store import Session, Store
from tests.agent.builtin.conftest import Place
from tests.agent.builtin.harness import running_agent
from tests.agent.builtin.scripts import ask
from tests.agent.builtin.test_cancel import started_command


async def killed_in_a_command(place: Place) -> str:
    """Run a turn, and a second one that is killed while a command runs; return the session's id."""
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        await agent.prompt(session, ask("each", "First words"))
        turn = asyncio.create_task(agent.prompt(session, ask("sleep", "Second words")))
        shell = await started_command(agent, place)
        agent.kill()
        with pytest.raises(ConnectionError):
            await turn
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell, signal.SIGKILL)
    return session


def messages_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [message for message in request["messages"] if message["role"] != "system"]


async def test_after_a_kill_the_model_gets_everything_and_is_told_what_was_cut_off(place: Place) -> None:
    session = await killed_in_a_command(place)
    before = messages_of(place.model.requests()[-1])
    stored = from_json((place.root / "agent-home/sessions" / f"{session}.json").read_bytes())
    assert stored["in_flight"]["name"] == "run"
    async with running_agent(place.root, place.environment) as agent:
        await agent.connection.resume_session(session_id=session, cwd=str(place.tree))
        assert agent.client.updates == []
        response = await agent.prompt(session, "continue; the last call may have run")
    assert response.stop_reason == "end_turn"
    assert agent.client.text() == "It is over."
    after = messages_of(place.model.requests()[-1])
    assert after[: len(before)] == before
    assert [message["role"] for message in after[len(before) :]] == ["assistant", "tool", "tool", "user"]
    assert [message["content"] for message in after[len(before) + 1 :]] == [
        INTERRUPTED,
        NOT_STARTED,
        "continue; the last call may have run",
    ]


async def test_the_session_moves_with_its_file_alone(place: Place, tmp_path: Path) -> None:
    session = await killed_in_a_command(place)
    elsewhere = tmp_path / "host"
    (elsewhere / "agent-home/sessions").mkdir(parents=True)
    shutil.copy(place.root / "agent-home/sessions" / f"{session}.json", elsewhere / "agent-home/sessions")
    without_model = {name: value for name, value in place.environment.items() if name != "CASTOFF_MODEL"}
    async with running_agent(elsewhere, without_model) as agent:
        await agent.connection.load_session(session_id=session, cwd=str(place.tree))
        response = await agent.prompt(session, ask("recap"))
    assert response.stop_reason == "end_turn"
    prompts = json.loads(agent.client.text().removeprefix("Done.").removeprefix("Before. Now. "))
    assert [prompt.split(" [[")[0] for prompt in prompts] == ["First words", "Second words", "Please"]


async def test_load_tells_it_all_again_before_it_answers(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        await agent.prompt(session, ask("tour"))
        live = agent.client
    async with running_agent(place.root, place.environment) as agent:
        response = await agent.connection.load_session(session_id=session, cwd=str(place.tree))
        await agent.client.until(lambda: bool(agent.client.of("usage_update")))
        replayed = agent.client
    assert response.modes is not None and response.modes.current_mode_id == "accept-all"
    assert [update.content.text for update in replayed.of("user_message_chunk")] == [ask("tour")]
    assert replayed.text() == live.text()
    assert [call.title for call in replayed.of("tool_call")] == [call.title for call in live.of("tool_call")]
    assert [call.locations[0].path for call in replayed.of("tool_call")[:2]] == [str(place.tree / "hello.py")] * 2
    last = [update for update in replayed.of("tool_call_update") if update.status]
    assert [update.status for update in last] == ["completed", "completed", "completed", "failed"]
    assert last[1].content[0].old_text == 'print("hello")'
    assert replayed.of("plan")[-1] == live.of("plan")[-1]
    assert replayed.of("usage_update")[-1] == live.of("usage_update")[-1]


async def test_resume_goes_on_without_telling_again(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        first = await agent.prompt(session, ask("tour"))
    async with running_agent(place.root, place.environment) as agent:
        await agent.connection.resume_session(session_id=session, cwd=str(place.tree))
        assert agent.client.updates == []
        await agent.prompt(session, ask("recap"))
        usage = agent.client.of("usage_update")[-1]
    assert first.usage is not None
    assert usage.field_meta["castoff"]["inputTokens"] > first.usage.input_tokens
    assert len(messages_of(place.model.requests()[-1])) == 11


@pytest.mark.parametrize("session_id", ["aaaaaaaaaaaa", "../../etc/passwd", ""])
async def test_an_unknown_session_is_refused(place: Place, session_id: str) -> None:
    async with running_agent(place.root, place.environment) as agent:
        connection, cwd = agent.connection, str(place.tree)
        for open_session in (connection.load_session, connection.resume_session):
            with pytest.raises(RequestError, match=r"no session|not the id") as caught:
                await open_session(session_id=session_id, cwd=cwd)
            assert caught.value.code == -32002
        with pytest.raises(RequestError, match="not open"):
            await agent.prompt(session_id, "hello")


async def test_a_damaged_file_is_refused_and_left_alone(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        path = agent.session_file(session)
        path.write_text('{"session_id": "x", "his')
        with pytest.raises(RequestError, match="cannot be read"):
            await agent.connection.load_session(session_id=session, cwd=str(place.tree))
        assert path.read_text() == '{"session_id": "x", "his'


async def test_the_history_is_byte_equal_over_load_and_dump(place: Place) -> None:
    session = await killed_in_a_command(place)
    path = place.root / "agent-home/sessions" / f"{session}.json"
    stored = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    opened = Store(place.root / "agent-home").open(session)
    messages = load_messages(opened.history)
    assert len(messages) == 8
    assert [dump_message(message) for message in messages] == opened.history
    assert stored.endswith(b',"history":[' + b",".join(opened.history) + b"]}\n")


async def test_another_folder_is_told_to_the_model(place: Place, tmp_path: Path) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        await agent.prompt(session, ask("each"))
        moved = tmp_path / "moved"
        moved.mkdir()
        await agent.connection.resume_session(session_id=session, cwd=str(moved))
        await agent.prompt(session, ask("recap"))
    assert f"(The project folder is now {moved}.)" in place.model.requests()[-1]["messages"][-1]["content"]


async def test_sessions_are_listed(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        await agent.prompt(session, ask("each", "Greet the morning"))
        await agent.new()
        listed = await agent.connection.list_sessions(cwd=str(place.tree))
        elsewhere = await agent.connection.list_sessions(cwd="/nowhere")
    [info] = [info for info in listed.sessions if info.session_id == session]
    assert len(listed.sessions) == 2
    assert info.title is not None and info.title.startswith("Greet the morning")
    assert elsewhere.sessions == []


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Store(tmp_path).create(str(tmp_path), "test")
    before = session.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    session.change(title="changed")
    with pytest.raises(OSError, match="No space left"):
        session.save()
    assert session.path.read_bytes() == before
    assert list(session.path.parent.iterdir()) == [session.path]


def test_a_session_without_repair_would_be_refused_by_a_provider(tmp_path: Path) -> None:
    """The guard on the guard: the double's rule, as providers have it, fails on a history that was not repaired."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, UserPromptPart

    from agent.builtin.history import History

    broken: list[Any] = [
        ModelRequest(parts=[UserPromptPart("go")]),
        ModelResponse(parts=[ToolCallPart("run", {"command": "x"}, "a"), ToolCallPart("run", {"command": "y"}, "b")]),
    ]
    store = Store(tmp_path)
    session = store.create(str(tmp_path), "test")
    session.history = [dump_message(message) for message in broken]
    assert unanswered(session) == {"a", "b"}
    history = History(session)
    assert history.repair() == 2
    assert history.repair() == 0
    assert unanswered(session) == set()


def unanswered(session: Session) -> set[str]:
    """The ids of calls that no later message answers, read from the stored bytes."""
    parts = [part for message in session.history for part in from_json(message)["parts"]]
    calls = {part["tool_call_id"] for part in parts if part["part_kind"] == "tool-call"}
    return calls - {part["tool_call_id"] for part in parts if part["part_kind"] == "tool-return"}
