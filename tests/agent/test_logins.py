"""A login that is missing or has expired is told in one sentence, with how the agent gets one."""

import json

import acp
import pytest

from agent.errors import LoginMissing
from agent.logins import name_login, read_refusal
from tests.agent import test_versions as versions
from tests.agent.running import Place

place = versions.place

REFUSALS = {
    "claude": (-32000, "Authentication required", None),
    "codex": (-32603, "Internal error", {"message": "unexpected status 401 Unauthorized: Incorrect API key provided"}),
    "gemini": (400, '{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}', None),
    "opencode": (-32603, "Internal error: Incorrect API key provided", {"errorName": "APIError"}),
    "qwen": (-32603, "Internal error", {"details": "401 Incorrect API key provided"}),
    "vibe": (-31002, "Invalid API key (from env var MISTRAL_API_KEY). Please check your API key and try again.", None),
}
"""What the real agents answer where the key is missing (Claude) or refused (the others): code, message and data."""


@pytest.mark.parametrize("agent", REFUSALS)
def test_what_real_agents_say_of_a_login_is_understood(agent: str) -> None:
    code, message, data = REFUSALS[agent]
    assert isinstance(read_refusal(acp.RequestError(code, message, data)), LoginMissing)


@pytest.mark.parametrize(
    "message",
    ["Internal error: 429 Too many requests", "No such file: /srv/401k/login.py", "The API key service is down"],
)
def test_other_refusals_are_none_of_a_login(message: str) -> None:
    error = read_refusal(acp.RequestError(-32603, message))
    assert not isinstance(error, LoginMissing)
    assert name_login(error, versions.PROFILE, "") is error


@pytest.mark.parametrize(("host", "where"), [("", "here"), ("vm", "on vm")])
async def test_an_agent_without_a_login_is_one_sentence(place: Place, host: str, where: str) -> None:
    (place.tree / "version").write_text("1.0")
    refusal = {"code": -32000, "message": "Authentication required"}
    (place.tree / "refuse session new").write_text(json.dumps(refusal))
    async with place.running(versions.duty(place, host)) as run:
        state = await run.until_phase("failed")
    assert state.detail == (
        f"Sailor's login {where} is missing or not accepted (Authentication required): "
        "log in with its own command: sailor login."
    )


async def test_a_login_that_expired_is_told_by_the_turn_that_it_ended(place: Place) -> None:
    (place.tree / "version").write_text("1.0")
    refusal = {"code": -32603, "message": "Internal error", "data": {"details": "401 token expired"}}
    (place.tree / "refuse session prompt").write_text(json.dumps(refusal))
    async with place.running(versions.duty(place)) as run:
        await run.viewer.prompt("Sing")
        state = await run.until(lambda state: state.phase in ("failed", "paused", "finished"))
    (turn,) = (block for block in state.blocks if block.type == "turn")
    assert turn.detail.startswith("Sailor's login here is missing or not accepted (")
    assert turn.detail.endswith("401 token expired): log in with its own command: sailor login.")


def test_on_a_host_it_is_the_command_that_opens_its_login_there() -> None:
    profile = versions.PROFILE.model_copy(update={"login_command": ("sailor", "login")})
    said = name_login(LoginMissing("Token expired"), profile, "vm")
    assert str(said) == (
        "Sailor's login on vm is missing or not accepted (Token expired): "
        "type castoff host login vm sailor, or give it a key: castoff host secrets set vm."
    )
    assert str(name_login(LoginMissing("Token expired"), profile, "")).endswith("own command: sailor login.")
