"""A session on this machine through commands only: the real runner and agent, the scripted model without pauses."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.demo_model import MODEL_ENV
from agent.demo_model.project import DEMO_TASK, create_demo_project
from tests.tui.cli.conftest import Ran
from tests.waiting import wait_until


@pytest.fixture
def environment(tmp_path: Path, fresh_directories: None) -> Generator[dict[str, str]]:
    """Variables that lead to a running demo model."""
    ready = tmp_path / "ready.json"
    argv = [sys.executable, "-I", "-m", "agent.demo_model", "--port", "0", "--ready-file", str(ready), "--pace", "0"]
    with subprocess.Popen(argv, cwd=tmp_path) as model:
        wait_until(lambda: ready.exists() and ready.read_text())
        yield {**os.environ, **MODEL_ENV(json.loads(ready.read_text())["port"])}
        model.terminate()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "a 'quoted' project"
    create_demo_project(path)
    return path


@pytest.mark.timeout(300)  # a dozen processes, one after the other
def test_a_session_from_prompt_to_stop(environment: dict[str, str], project: Path) -> None:
    def castoff(*argv: str) -> Ran:
        command = [sys.executable, "-I", "-m", "tui.cli", *argv, "--json"]
        done = subprocess.run(
            command, cwd=project, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    asked = castoff("new", "--prompt", DEMO_TASK, "--wait")
    assert (asked.status, asked.records[-1]["code"]) == (1, "needs-input")
    session = asked.records[0]["id"]
    (shown, _) = castoff("show").records
    (question,) = shown["questions"]
    assert castoff("answer", session, "no such option").records[-1]["code"] == "no-option"
    allowed = castoff("answer", session, "allow_always")
    assert allowed.records[-1]["request_id"] == question["request_id"]
    while castoff("wait", "--until", "finished", "--until", "needs-input").records[-1]["reached"] == "needs-input":
        assert castoff("answer", session, "allow_once").status == 0
    changed = {record["path"] for record in castoff("diff").records if record["type"] == "file"}
    assert "kettle/durations.py" in changed
    assert castoff("send", session, "And now?").status == 0
    assert castoff("wait", session, "--until", "finished", "--timeout", "60").status == 0
    events = castoff("log").records[:-1]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["text"] for event in events if event["kind"] == "prompt"] == [DEMO_TASK, "And now?"]
    assert castoff("stop").status == 0
    assert castoff("wait", "--until", "idle").records[-1]["phase"] == "stopped"
    before = castoff("log").records
    assert castoff("stop").status == 0
    assert castoff("log").records == before
