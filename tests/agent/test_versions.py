"""An agent that is too old for its session is refused in one sentence, before it can touch the session."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runner as runner_module
from agent.duty import Duty
from agent.profiles import Profile
from agent.sessions import SessionDir
from agent.versions import is_older
from remote import host_look
from remote.host_protocol import Look
from tests.agent.running import Place
from tests.doubles.openai_model import serving
from tests.waiting import until

AGENT = """
import json, pathlib, sys

here = pathlib.Path.cwd()
def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    message = json.loads(line)
    refused = here / ("refuse " + message.get("method", "").replace("/", " "))
    if refused.exists():
        send(id=message["id"], error=json.loads(refused.read_text()))
        continue
    match message.get("method"):
        case "initialize":
            info = {"name": "sailor", "version": (here / "version").read_text()}
            capabilities = {"loadSession": True}
            result = {"protocolVersion": 1, "agentCapabilities": capabilities, "agentInfo": info}
            send(id=message["id"], result=result)
        case "session/new":
            send(id=message["id"], result={"sessionId": "s"})
        case "session/load":
            (here / "loaded").touch()
            send(id=message["id"], result={})
        case "session/prompt":
            send(id=message["id"], result={"stopReason": "end_turn"})
"""
"""Its version is in the file ``version``; what it refuses, and how, in files that are called so."""
PROFILE = Profile(
    name="sailor",
    title="Sailor",
    launch=("sailor",),
    find=("sailor/node_modules/.bin/sailor",),
    session_files=(".sailor/{sid}",),
    resume=("load",),
    usage="none",
    login="Log in with its own command: sailor login",
    install="Install it with: npm install sailor",
)


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


def duty(place: Place, host: str = "") -> Duty:
    return replace(place.duty([sys.executable, "-I", "-c", AGENT]), profile=PROFILE, host=host)


@pytest.mark.parametrize(
    ("version", "other", "older"),
    [
        ("0.9.0", "0.10.0", True),
        ("0.10.0", "0.9.0", False),
        ("1.2", "1.2.0", False),
        ("1.2", "1.2.1", True),
        ("v1.9.3-beta.2", "1.10.0", True),
        ("", "1.0", False),
        ("nightly", "1.0", False),
        ("1.0", "nightly", False),
    ],
)
def test_which_of_two_versions_is_older(version: str, other: str, older: bool) -> None:
    assert is_older(version, other) is older


async def test_an_agent_older_than_the_sessions_last_one_is_refused(place: Place) -> None:
    """As where it has come home to a machine on which the agent was not brought up to date."""
    (place.tree / "version").write_text("2.10.0")
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Sing")
        await run.until_phase("finished")
    (place.tree / "version").write_text("2.9.0")
    async with place.running(duty(place)) as run:
        state = await run.until_phase("failed")
    assert state.detail == (
        "Sailor 2.9.0 is older than 2.10.0, which had the session last. Install it with: npm install sailor"
    )
    assert not (place.tree / "loaded").exists()
    (place.tree / "version").write_text("2.10.0")
    async with place.running(duty(place)) as run:
        await until((place.tree / "loaded").exists)
        await run.until(lambda state: state.phase not in ("failed", "starting"))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host, which is this machine, that knows the agent; what is given says what is in its package."""
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / "host" / name))
    profiles = tmp_path / "host" / "CONFIG" / "agents"
    profiles.mkdir(parents=True)
    (profiles / "sailor.toml").write_text(
        'name = "sailor"\ntitle = "Sailor"\nlaunch = ["sailor"]\nfind = ["sailor/node_modules/.bin/sailor"]\n'
        'session_files = [".sailor/{sid}"]\nresume = ["load"]\nusage = "none"\ninstall = "Install it."\n'
    )
    package = tmp_path / "host" / "DATA" / "agents" / "sailor" / "node_modules" / "sailor"
    package.mkdir(parents=True)
    (package / "sailor").write_text("#!/bin/sh\n")
    (package / "sailor").chmod(0o755)
    (package.parent / ".bin").mkdir()
    (package.parent / ".bin" / "sailor").symlink_to("../sailor/sailor")
    return package / "package.json"


@pytest.mark.parametrize(
    ("here", "there", "code", "blocking"),
    [("1.10.0", "1.9.0", "agent-old", True), ("1.9.0", "1.10.0", "agent-new", False)],
)
async def test_two_versions_of_an_agent_are_told_before_a_handoff(
    host: Path, here: str, there: str, code: str, blocking: bool
) -> None:
    host.write_text(json.dumps({"version": there}))
    seen = await host_look.look(_look(here))
    (problem,) = (problem for problem in seen.problems if problem.code.startswith("agent-"))
    assert (problem.code, problem.blocking) == (code, blocking)
    assert f"Sailor {there}" in problem.sentence and here in problem.sentence and problem.way_out


@pytest.mark.parametrize(("here", "there"), [("1.9.0", "1.9.0"), ("", "1.9.0"), ("1.9.0", "")])
async def test_of_the_same_version_or_none_nothing_is_told(host: Path, here: str, there: str) -> None:
    host.write_text(json.dumps({"version": there}))
    assert not [each for each in (await host_look.look(_look(here))).problems if each.code.startswith("agent-")]


def _look(version: str) -> Look:
    return Look(agent="sailor", version=version, size=0, tree_at="/home/ann/app", home_at="/home/ann", sandbox="none")
