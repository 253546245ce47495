"""Codex under the runner's driver: what is taken up again, and what cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.driver import Driver
from agent.events import AgentStarted, PolicySet, Prompted
from agent.journal import read_events
from agent.recorder import Recorder
from agent.sessions import SessionDir, create_session
from tests.agents import ResponsesModel
from tests.codex_machines import CODEX, Machine, Machines


@pytest.fixture
def session(tmp_path: Path, codex_tree: Path) -> SessionDir:
    return create_session(tmp_path / "state", codex_tree, "codex")


@pytest.fixture
def recorder(session: SessionDir) -> Iterator[Recorder]:
    recorder = Recorder(session.journal, 1)
    yield recorder
    recorder.close()


async def run(recorder: Recorder, session: SessionDir, machine: Machine, *prompts: str) -> list[str]:
    """Start an agent for the session, run the prompts, end it, and return the stop reasons."""
    driver = Driver(recorder, session, CODEX, machine.launch, "")
    await driver.start()
    reasons: list[str] = []
    for number, text in enumerate(prompts):
        prompt = Prompted(prompt_id=f"p{recorder.state.head_seq}-{number}", text=text)
        recorder.record(prompt)
        reasons.append(await driver.run_turn(prompt))
    await driver.close()
    return reasons


def starts(session: SessionDir) -> list[AgentStarted]:
    return [event for event in read_events(session.journal) if isinstance(event, AgentStarted)]


async def test_a_session_without_a_turn_begins_anew(
    recorder: Recorder, session: SessionDir, machines: Machines, responses_model: ResponsesModel
) -> None:
    """Codex keeps nothing of a session before its first prompt: there is nothing to take up, and nothing to lose."""
    responses_model.write_script("hop", {"shell": "echo hop"}, {"text": "Hopped."})
    recorder.record(PolicySet(policy="accept-all"))
    here = machines("here")
    assert await run(recorder, session, here) == []
    assert await run(recorder, session, here, "Hop [[hop]]") == ["end_turn"]
    assert await run(recorder, session, here, "Hop again [[hop]]") == ["end_turn"]
    first, second, third = starts(session)
    assert [start.resumed for start in (first, second, third)] == ["new", "new", "resume"]
    assert first.agent_session_id != second.agent_session_id == third.agent_session_id
