"""The demo's work from end to end: the agent, the endpoint and the project are real processes and files."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.demo_model import MODEL_ENV
from agent.demo_model.project import DEMO_TASK, create_demo_project
from agent.demo_model.script import CLOSING, OPENING
from tests.agent.builtin.harness import running_agent
from tests.waiting import until

STATUS = " M README.md\nM  kettle/teas.py\n?? notes/\n"


def git(tree: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(tree), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def demo_model(ready: Path) -> Generator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-I", "-m", "agent.demo_model", "--port", "0", "--ready-file", str(ready), "--pace", "0"]
    with subprocess.Popen(argv) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_the_whole_task_is_really_done(tmp_path: Path) -> None:
    tree, ready = tmp_path / "tree", tmp_path / "ready.json"
    create_demo_project(tree)
    with demo_model(ready) as process:
        await until(ready.exists)
        announced = json.loads(ready.read_text())
        assert announced["pid"] == process.pid
        async with running_agent(tmp_path, MODEL_ENV(announced["port"])) as agent:
            response = await agent.prompt(await agent.new(), DEMO_TASK)
            client = agent.client
    assert response.stop_reason == "end_turn"
    assert client.text().startswith(OPENING)
    assert client.text().endswith(CLOSING)
    assert "**Done.**" in client.text()
    tests = [start for start in client.of("tool_call") if "pytest" in start.title]
    endings = [
        [update for update in client.of("tool_call_update") if update.tool_call_id == start.tool_call_id][-1]
        for start in tests
    ]
    assert [ending.status for ending in endings] == ["failed", "failed", "completed"]
    assert "30 != 90" in endings[0].content[0].content.text
    assert [entry.status for entry in client.of("plan")[-1].entries] == ["completed"] * 6
    assert "total += int(number)" in (tree / "kettle/durations.py").read_text()
    by_hand = client.call("python3 -m kettle")[1][-1]
    assert by_hand.content[0].content.text == "sencha: 5 g, 75 °C, 2m\n[exit status 0]"
    assert git(tree, "diff", "--cached", "--name-only") == "kettle/teas.py\n"
    assert "+Next: oolong wants its own page." in git(tree, "diff", "README.md")


async def test_it_goes_on_after_the_agent_and_the_model_were_both_killed(tmp_path: Path) -> None:
    tree, ready = tmp_path / "tree", tmp_path / "ready.json"
    create_demo_project(tree)
    with demo_model(ready):
        await until(ready.exists)
        port = json.loads(ready.read_text())["port"]
        async with running_agent(tmp_path, MODEL_ENV(port)) as agent:
            session = await agent.new()
            turn = asyncio.create_task(agent.prompt(session, DEMO_TASK))
            await agent.client.until(lambda: any("pytest" in start.title for start in agent.client.of("tool_call")))
            agent.kill()
            with pytest.raises(ConnectionError):
                await turn
    ready.unlink()
    with demo_model(ready):
        await until(ready.exists)
        port = json.loads(ready.read_text())["port"]
        async with running_agent(tmp_path, MODEL_ENV(port)) as agent:
            await agent.connection.resume_session(session_id=session, cwd=str(tree))
            await agent.prompt(session, "continue; the last call may have run")
            said = agent.client.text()
    assert OPENING not in said
    assert "**Done.**" in said


def test_the_project_has_a_working_tree_that_is_not_clean(tmp_path: Path) -> None:
    tree = tmp_path / "a demo"
    create_demo_project(tree)
    assert git(tree, "status", "--porcelain") == STATUS
    log = git(tree, "log", "--format=%an <%ae> %s").splitlines()
    assert len(log) == 3 and all(line.startswith("Kettle Demo <kettle@example.invalid>") for line in log)
    assert git(tree, "branch", "--show-current") == "main\n"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(FileExistsError):
        create_demo_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_unittest_runs_the_projects_tests_where_pytest_is_missing(tmp_path: Path) -> None:
    tree = tmp_path / "kettle"
    create_demo_project(tree)
    argv = [sys.executable, "-m", "unittest", "-v"]
    done = subprocess.run(argv, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 1
    assert "FAILED (failures=2, errors=1)" in done.stderr
