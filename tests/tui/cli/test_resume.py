"""``castoff resume``: an agent that cannot take its session up, a brief, another agent; real runner and agents."""

import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from agent.paths import state_dir
from agent.sessions import get_session
from remote.parcel import fold
from tests.doubles import errand_agent, forgetful_agent
from tests.tui.cli.conftest import FINISHED, Castoff, MakeSession, Ran
from tests.waiting import wait_until

Run = Callable[..., Ran]


@pytest.fixture
def agents(tmp_path: Path) -> None:
    """Two agents: one that forgets its sessions, and one that does errands."""
    for name, module, profile in (
        ("feigning", forgetful_agent, forgetful_agent.PROFILE.format(kind="feigning")),
        ("errand", errand_agent, errand_agent.PROFILE),
    ):
        program = tmp_path / "data" / "agents" / name
        program.mkdir(parents=True)
        assert module.__file__
        shutil.copy(module.__file__, program)
        profiles = tmp_path / "config" / "agents"
        profiles.mkdir(parents=True, exist_ok=True)
        (profiles / f"{name}.toml").write_text(profile)


@pytest.fixture
def run(castoff_process: Castoff) -> Generator[Run]:
    """Run a command with ``--json``; what runs in the end is stopped."""
    yield lambda *argv: castoff_process(*argv, "--json")
    castoff_process("stop")


def shown(run: Run, session: str) -> dict[str, Any]:
    return run("show", session).records[0]


@pytest.mark.timeout(300)  # a dozen processes, one after the other
@pytest.mark.usefixtures("agents")
def test_by_a_brief_and_with_another_agent(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.chdir(tree)
    begun = run("new", "--agent", "feigning", "--prompt", "Make it.", "--wait")
    session = begun.records[0]["id"]
    assert run("stop", session).status == 0
    assert run("send", session, "And more.").status == 0
    kept = get_session(state_dir(), session)
    assert kept is not None
    wait_until(lambda: fold(kept).phase == "paused")
    before = shown(run, session)
    assert before["phase"] == "paused" and "--brief" in before["detail"] and not before["lossy"]
    assert run("resume", session, "--brief").status == 0
    assert run("wait", session, "--until", "finished", "--timeout", "60").status == 0
    assert shown(run, session)["lossy"]
    told = (tree / "asked.jsonl").read_text().splitlines()[-1]
    assert "you take this session over" in told and "> Make it." in told

    assert run("resume", session, "--agent", "errand").status == 0
    assert run("send", session, "[[do: echo done > errand.txt]]").status == 0
    assert run("wait", session, "--until", "finished", "--timeout", "60").status == 0
    assert (tree / "errand.txt").read_text() == "done\n"
    after = shown(run, session)
    assert (after["agent"], after["lossy"]) == ("errand", True)
    nothing = run("resume", session, "--agent", "errand")
    assert nothing.status == 1 and nothing.records[-1]["code"] == "nothing"
    assert run("stop", session).status == 0


def test_an_agent_that_is_not_installed_takes_over_nothing(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session(FINISHED)
    refused = castoff("resume", session.id, "--agent", "codex", "--json")
    assert refused.status == 1 and refused.records[-1]["code"] == "agent-missing"
    assert (session.path / "session.json").read_text().count("builtin") == 1
