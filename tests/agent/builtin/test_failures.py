"""A model that cannot be used: one sentence, said once as the error of the prompt, never a traceback."""

import pytest
from acp import RequestError

from tests.agent.builtin.conftest import Place
from tests.agent.builtin.harness import running_agent
from tests.agent.builtin.scripts import ask


async def fails(place: Place, environment: dict[str, str], prompt: str) -> tuple[str, str]:
    """Prompt, and return what the error says and its code, having checked that nothing else says it."""
    async with running_agent(place.root, environment) as agent:
        session = await agent.new()
        with pytest.raises(RequestError) as caught:
            await agent.prompt(session, prompt)
    error = caught.value
    assert error.data is not None
    assert str(error) not in agent.client.text()
    assert "Traceback" not in (place.root / "stderr").read_text()
    return str(error), error.data["code"]


@pytest.mark.parametrize(
    ("changes", "sentence", "code"),
    [
        ({"CASTOFF_MODEL": ""}, "No model is chosen. Set CASTOFF_MODEL", "model-missing"),
        ({"CASTOFF_MODEL": "gpt-5"}, "names no provider", "model-unknown"),
        ({"CASTOFF_MODEL": "nonsense:gpt-5"}, "provider “nonsense” is unknown", "model-unknown"),
        ({"CASTOFF_MODEL": "groq:x"}, "package “groq”", "model-package"),
        ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, "“openai-chat” has no key. Set OPENAI_API_KEY", "model-key"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "could not be reached", "model-connection"),
    ],
)
async def test_what_is_missing(place: Place, changes: dict[str, str], sentence: str, code: str) -> None:
    said, said_code = await fails(place, place.environment | changes, "hello")
    assert sentence in said
    assert said_code == code


@pytest.mark.parametrize(
    ("script", "sentence", "code"),
    [
        ("401", "refuses the key for the model “openai-chat:scripted” (HTTP 401). It says: wrong key.", "model-key"),
        ("404", "does not know the model “openai-chat:scripted” (HTTP 404). It says: no such model.", "model-unknown"),
        ("429", "refuses more requests for now (HTTP 429). It says: slow down.", "model-rate"),
        ("500", "has a fault of its own (HTTP 500). It says: oh dear.", "model-server"),
        ("break", "could not be reached or broke off", "model-connection"),
    ],
)
async def test_what_the_provider_answers(place: Place, script: str, sentence: str, code: str) -> None:
    said, said_code = await fails(place, place.environment, ask(script))
    assert sentence in said
    assert said_code == code


async def test_after_a_failure_the_session_goes_on(place: Place) -> None:
    async with running_agent(place.root, place.environment) as agent:
        session = await agent.new()
        with pytest.raises(RequestError):
            await agent.prompt(session, ask("break", "First words"))
        response = await agent.prompt(session, ask("recap"))
    assert response.stop_reason == "end_turn"
    sent = [message["content"] for message in place.model.requests()[-1]["messages"] if message["role"] != "system"]
    assert sent[0].startswith("First words")
    assert sent[1].startswith("these words come")


async def test_a_prompt_that_found_no_model_is_there_when_one_is_chosen(place: Place) -> None:
    async with running_agent(place.root, place.environment | {"CASTOFF_MODEL": ""}) as agent:
        session = await agent.new()
        with pytest.raises(RequestError, match="No model is chosen"):
            await agent.prompt(session, "Build a boat")
    async with running_agent(place.root, place.environment) as agent:
        await agent.connection.resume_session(session_id=session, cwd=str(place.tree))
        await agent.prompt(session, ask("recap", "Continue"))
    prompts = [message["content"] for message in place.model.requests()[-1]["messages"] if message["role"] == "user"]
    assert prompts == ["Build a boat", ask("recap", "Continue")]


async def test_a_home_that_cannot_be_written_is_said(place: Place) -> None:
    (place.root / "file").write_text("")
    async with running_agent(place.root, place.environment | {"CASTOFF_AGENT_HOME": str(place.root / "file")}) as agent:
        with pytest.raises(RequestError, match="The session could not be saved"):
            await agent.new()
