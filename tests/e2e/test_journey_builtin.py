"""The journey to a real sshd as another user, with the built-in agent: there, on without us, and home again."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from agent.demo_model.reply import Call, Reply
from agent.lease import read_lease
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.runs import fetch_diff, list_runs
from remote.steps import Away, Captured, Draining, HandoffStep, Home, Preflighted
from remote.terms import Decision, Terms
from tests.doubles.openai_model import RECAP, ScriptedModel, model_environment, serving
from tests.e2e.journey import Place, assert_unbroken, drive, fill_project, follow, lay_out, tree_of, wait_for_run
from tests.e2e.scene import give_variables
from tests.hosts import HostForTests

_TASK = "Please do the task. [[script: task]]"
_SCRIPTS = {
    "task": (
        Reply("I begin.", (Call("write", {"path": "made_here.txt", "content": "here\n"}),)),
        # Until the handoff drains; what git ignores does not travel.
        Reply("I wait.", (Call("run", {"command": "while [ -e ignored/ashore ]; do sleep 0.05; done; echo waited"}),)),
        Reply("I go on.", (Call("run", {"command": "pwd; id -un; echo there > made_there.txt"}),), pause=1.5),
        Reply("An edit.", (Call("edit", {"path": "unstaged.txt", "old": "two", "new": "three"}),)),
        Reply("A deletion.", (Call("run", {"command": "rm kept.txt"}),)),
        Reply("All done."),
    ),
    "recap": (Reply(RECAP),),
}


@pytest.fixture
def model(tmp_path: Path) -> Generator[tuple[ScriptedModel, dict[str, str]]]:
    with serving(_SCRIPTS, tmp_path / "model.jsonl") as (model, port):
        yield model, model_environment(port)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sshd_host: HostForTests) -> Place:
    laptop = lay_out(tmp_path, monkeypatch.setenv)
    sshd_host.write_settings(tmp_path / "config")
    fill_project(laptop)
    (laptop.project / "ignored" / "ashore").touch()
    return laptop


async def start_task(laptop: Place) -> SessionDir:
    """A session that is in the middle of its task: a command runs."""
    session = create_session(state_dir(), laptop.project, "builtin")
    viewer = await open_local(session)
    await viewer.set_policy("accept-all")
    await viewer.prompt(_TASK)
    await follow(viewer, lambda state: any("ashore" in b.title for b in state.blocks if b.type == "tool"))
    await viewer.close()
    return session


async def test_the_whole_journey(
    laptop: Place,
    sshd_host: HostForTests,
    model: tuple[ScriptedModel, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    double, variables = model
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    give_variables(sshd_host, variables)
    sshd_host.own(sshd_host.home / ".config")
    status_before = laptop.git("status", "--porcelain=v2")
    links = Links()
    await links.client("vm")
    session = await start_task(laptop)
    steps = await _cast_off(hand_off(session, links.host("vm"), Terms(say=""), links), laptop)
    assert isinstance(steps[-1], Away), steps[-1]
    seen = next(step for step in steps if isinstance(step, Preflighted))
    assert seen.facts.user == sshd_host.user and seen.facts.sandbox == "open"
    assert any(stays.what.startswith("ignored") for stays in seen.stays)
    assert next(step for step in steps if isinstance(step, Captured)).files > 10
    assert read_lease(session).state == "away"
    await links.close()

    state = await wait_for_run(sshd_host, session.id, lambda state: state.phase in ("finished", "failed"))
    assert state.phase == "finished", state.detail
    _check_conversation(double)
    commands = [b for b in state.blocks if b.type == "tool" and b.tool_kind == "execute"]
    output = "".join(c.text for c in commands[1].content if c.type == "text")
    assert output.splitlines()[:2] == [str(laptop.project), sshd_host.user]

    links = Links()
    rows = await list_runs(links)
    # The host is other tests' too, and so are their runs.
    own = [(run.phase, run.host) for run in rows.runs if run.run_id == session.id]
    assert own == [("finished", "vm")]
    diff = await fetch_diff(links, "vm", session.id)
    assert {(f.path, f.change) for f in diff.files} == {
        ("made_there.txt", "added"),
        ("unstaged.txt", "modified"),
        ("kept.txt", "deleted"),
    }
    there = sshd_host.home / ".local/state/castoff/trees" / session.id
    expected = tree_of(there)
    taken = await drive(pull_back(links, "vm", session.id))
    assert isinstance(taken[-1], Home), taken[-1]
    assert tree_of(laptop.project) == expected
    assert (laptop.project / "ignored" / "big").read_text() == "stays\n"
    assert "staged.txt" in laptop.git("diff", "--cached", "--name-only")
    assert status_before != laptop.git("status", "--porcelain=v2")
    assert session.id not in {run.run_id for run in (await list_runs(links)).runs}
    await links.close()

    await _go_on_here(session, double)
    assert_unbroken(session)


async def _cast_off(steps: AsyncGenerator[HandoffStep, Decision | None], laptop: Place) -> list[HandoffStep]:
    """Go through a handoff; the command that runs meanwhile ends only when the agent is drained."""
    taken = [await anext(steps)]
    try:
        while True:
            if isinstance(taken[-1], Draining):
                (laptop.project / "ignored" / "ashore").unlink()
            taken.append(await steps.asend("go"))
    except StopAsyncIteration:
        return taken


def _check_conversation(double: ScriptedModel) -> None:
    """The last request, made on the host, carries everything since the first prompt."""
    messages = [request for request in double.requests() if request.get("tools")][-1]["messages"]
    text = "\n".join(str(message.get("content")) for message in messages)
    assert _TASK in text and "waited" in text and "you now run on another machine (vm)" in text
    calls = [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
    assert calls == ["write", "run", "run", "edit", "run"]


async def _go_on_here(session: SessionDir, double: ScriptedModel) -> None:
    viewer = await open_local(session)
    await viewer.prompt("What do you remember? [[script: recap]]")

    def answered(state: SessionState) -> bool:
        return state.phase == "finished" and state.turn is None and not state.queue and state.location == "here"

    state = await follow(viewer, answered)
    assert state.agent_session_id
    recap = next(b.text for b in reversed(state.blocks) if b.type == "text")
    assert _TASK in recap and "another machine" in recap
    await viewer.stop()
    await viewer.close()
