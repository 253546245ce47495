"""A whole turn: what the client is told, what happens on disk, what the model gets to see."""

import json
from pathlib import Path

import pytest
from acp import RequestError, text_block

from agent.builtin.agent import own_version
from tests.agent.builtin.conftest import Place
from tests.agent.builtin.harness import running_agent
from tests.agent.builtin.scripts import ask


async def test_introduces_itself(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        capabilities = agent.introduction.agent_capabilities
        assert agent.introduction.agent_info is not None
        assert agent.introduction.agent_info.name == "castoff-builtin"
        assert agent.introduction.agent_info.version == own_version()
        assert capabilities is not None
        assert capabilities.load_session is True
        assert capabilities.session_capabilities is not None
        assert capabilities.session_capabilities.resume is not None
        assert capabilities.session_capabilities.list is not None
        assert capabilities.session_capabilities.close is not None


async def test_a_tour_of_the_tools(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        response = await agent.prompt(session, ask("tour"))
        client = agent.client
    assert response.stop_reason == "end_turn"
    assert response.usage is not None and response.usage.input_tokens > 500
    assert client.text() == "Let me see. All done."
    assert "".join(update.content.text for update in client.of("agent_thought_chunk")) == "Hm."
    assert (place.tree / "hello.py").read_text() == 'print("good morning")\n'
    assert (place.tree / "notes/new.txt").read_text() == "one\ntwo\n"
    [plan] = client.of("plan")
    assert [(entry.content, entry.status) for entry in plan.entries] == [
        ("Look", "completed"),
        ("Greet", "in_progress"),
    ]


async def test_tool_calls_are_shown_as_what_they_are(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        await agent.prompt(await agent.new(), ask("tour"))
        client = agent.client
    path = str(place.tree / "hello.py")
    start, updates = client.call("Read hello.py")
    assert (start.kind, start.status, start.locations[0].path) == ("read", "pending", path)
    assert start.raw_input == {"path": "hello.py"}
    assert [update.status for update in updates] == ["in_progress", "completed"]
    start, updates = client.call("Edit hello.py")
    assert (start.kind, start.locations[0].path, start.locations[0].line) == ("edit", path, 1)
    [diff] = updates[-1].content
    assert (diff.type, diff.path) == ("diff", path)
    assert (diff.old_text, diff.new_text) == ('print("hello")\n', 'print("good morning")\n')
    [diff] = client.call("Write notes/new.txt")[1][-1].content
    assert (diff.old_text, diff.new_text) == (None, "one\ntwo\n")
    start, updates = client.call("python3 hello.py")
    assert (start.kind, updates[-1].status) == ("execute", "failed")
    assert updates[-1].content[0].content.text == "good morning\n[exit status 3]"


async def test_output_streams_while_a_command_runs(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        await agent.prompt(await agent.new(), ask("chatter"))
        _, updates = agent.client.call("for i in")
    shown = [update.content[0].content.text for update in updates if update.status == "in_progress" and update.content]
    assert "line 1\n" in shown[0] and "line 3" not in shown[0]
    assert updates[-1].content[0].content.text == "line 1\nline 2\nline 3\n[exit status 0]"


async def test_usage_counts_over_the_whole_session_and_an_unknown_price_is_not_zero(place: Place) -> None:
    async with running_agent(place.root, place.environment | {"CASTOFF_CONTEXT_SIZE": "9000"}) as agent:
        session = await agent.new()
        first = await agent.prompt(session, ask("each"))
        second = await agent.prompt(session, ask("recap"))
        usages = agent.client.of("usage_update")
    assert first.usage is not None and second.usage is not None
    assert [usage.field_meta["castoff"]["calls"] for usage in usages] == [1, 2, 3]
    assert usages[-1].field_meta["castoff"]["inputTokens"] == first.usage.input_tokens + second.usage.input_tokens
    assert all(usage.cost is None and usage.size == 9000 and usage.used > 0 for usage in usages)


async def test_a_known_price_is_reported(place: Place) -> None:
    known = place.environment | {"CASTOFF_MODEL": "openai-chat:gpt-4o"}
    async with running_agent(place.root, known) as agent:
        await agent.prompt(await agent.new(), ask("each"))
        costs = [usage.cost for usage in agent.client.of("usage_update")]
        size = agent.client.of("usage_update")[-1].size
    assert all(cost is not None and cost.currency == "USD" for cost in costs)
    assert 0 < costs[0].amount < costs[1].amount
    assert size == 128_000


async def test_looking_around(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        await agent.prompt(await agent.new("ask"), ask("look"))
        assert agent.client.questions == []
        results = _results(place)
    assert results[0] == "hello.py"
    assert results[1] == 'hello.py:1:print("hello")'
    assert "is a folder" in results[2]


async def test_paths_that_lead_out_are_refused(place: Place) -> None:
    (place.root / "secret.txt").write_text("secret")
    (place.root / "outside").mkdir()
    (place.tree / "link").symlink_to(place.root / "outside")
    (place.tree / ".git").mkdir()
    (place.tree / ".git/config").write_text("a")
    async with running_agent(place.root, place.environment) as agent:
        await agent.prompt(await agent.new(), ask("escape"))
        results = _results(place)
    assert len(results) == 4
    assert all("Refused" in result for result in results)
    assert not any(result == "secret" for result in results)
    assert list((place.root / "outside").iterdir()) == []
    assert (place.tree / ".git/config").read_text() == "a"


async def test_calls_that_make_no_sense_are_told_to_the_model(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        response = await agent.prompt(await agent.new(), ask("wrong"))
        results = _results(place)
    assert response.stop_reason == "end_turn"
    assert "There is no tool 'fly'" in results[0]
    assert "path: Field required" in results[1]
    assert "arguments of read are not right" in results[2]


async def test_commands_do_not_see_the_models_key(place: Place) -> None:
    environment = place.environment | {"OPENAI_API_KEY": "sk-secret", "HARMLESS": "yes"}
    async with running_agent(place.root, environment) as agent:
        await agent.prompt(await agent.new(), ask("keys"))
        [output] = _results(place)
    assert "HARMLESS=yes" in output
    assert "sk-secret" not in output


@pytest.mark.parametrize(("script", "reason"), [("refuse", "refusal"), ("cut", "max_tokens")])
async def test_stop_reasons(place: Place, script: str, reason: str) -> None:
    async with running_agent(place.root, place.environment) as agent:
        response = await agent.prompt(await agent.new(), ask(script))
    assert response.stop_reason == reason


async def test_prompts_that_cannot_be_text_are_refused(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        with pytest.raises(RequestError, match="empty"):
            await agent.connection.prompt(session_id=session, prompt=[text_block("  ")])


async def test_a_folder_that_is_not_there_is_refused(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        with pytest.raises(RequestError, match="not an absolute path of a folder"):
            await agent.connection.new_session(cwd=str(place.root / "nowhere"))


async def test_a_project_with_our_module_names_disturbs_nothing(place: Place) -> None:
    for name in ("http.py", "agent/__init__.py", "remote/__init__.py", "acp.py"):
        (place.tree / name).parent.mkdir(exist_ok=True)
        (place.tree / name).write_text("raise RuntimeError('imported from the project')\n")
    async with running_agent(place.root, place.environment) as agent:
        response = await agent.prompt(await agent.new(), ask("tour"))
    assert response.stop_reason == "end_turn"


def test_the_plain_errors_go_nowhere_near_a_traceback(tmp_path: Path) -> None:
    from agent.builtin.errors import ModelError, to_request_error

    error = to_request_error(ModelError("No.", "Do this.", code="model-x"))
    assert str(error) == "No. Do this."
    assert error.data == {"code": "model-x", "wayOut": "Do this."}


def _results(place: Place) -> list[str]:
    """The tool results in the last request that the model was sent."""
    last = place.model.requests()[-1]
    return [_content(message["content"]) for message in last["messages"] if message["role"] == "tool"]


def _content(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
