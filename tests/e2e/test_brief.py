"""An agent that cannot take its session up on a host, and one that goes on where another began: by a brief, to a real
sshd as another user, and home again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.paths import state_dir
from agent.sessions import SessionDir, create_session, get_session
from remote.handoff import hand_off
from remote.local import open_local
from remote.parcel import fold
from remote.pull import pull_back
from remote.receipt import read_last_receipt
from remote.steps import Away, HandoffStep, Home, Proved, StillHere
from remote.terms import Terms
from tests.doubles import errand_agent, forgetful_agent
from tests.e2e.errands import Voyage, voyage
from tests.e2e.journey import drive, follow, wait_for_run

__all__ = ["voyage"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


def provide(voyage: Voyage, kind: str) -> None:
    """The agent and its profile, here and on the host."""
    there = voyage.host.home / ".local/share/castoff"
    for data, config in (
        (there, voyage.host.home / ".config/castoff"),
        (voyage.place.root / "data", voyage.place.root / "config"),
    ):
        for name, module, profile in (
            (kind, forgetful_agent, forgetful_agent.PROFILE.format(kind=kind)),
            ("errand", errand_agent, errand_agent.PROFILE),
        ):
            (data / "agents" / name).mkdir(parents=True, exist_ok=True)
            assert module.__file__
            shutil.copy(module.__file__, data / "agents" / name)
            (config / "agents").mkdir(parents=True, exist_ok=True)
            (config / "agents" / f"{name}.toml").write_text(profile)
    voyage.host.own(voyage.host.home / ".local")
    voyage.host.own(voyage.host.home / ".config")


async def work_here(voyage: Voyage, agent: str, text: str) -> SessionDir:
    """A session whose agent has done one turn on this machine."""
    tree = voyage.make_tree(agent, lambda path: path.mkdir())
    session = create_session(state_dir(), tree, agent)
    viewer = await open_local(session)
    await viewer.prompt(text)
    await follow(viewer, lambda state: state.phase == "finished")
    await viewer.close()
    return session


async def hand(voyage: Voyage, session: SessionDir, terms: Terms) -> list[HandoffStep]:
    return await drive(hand_off(session, voyage.links.host("vm"), terms, voyage.links))


def asked(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "asked.jsonl").read_text().splitlines()]


async def test_without_consent_it_stays_and_with_it_the_run_is_marked_as_lossy(voyage: Voyage) -> None:
    provide(voyage, "feigning")
    session = await work_here(voyage, "feigning", "Make it, and mind the gap.")
    refused = (await hand(voyage, session, Terms()))[-1]
    assert isinstance(refused, StillHere) and refused.code == "not-proved"
    assert "shows nothing of it" in refused.reason and "--brief" in refused.reason
    steps = await hand(voyage, session, Terms(brief=True, say="Go on there."))
    away, proved = steps[-1], next(step for step in steps if isinstance(step, Proved))
    assert isinstance(away, Away), away
    assert proved.lossy and any("from a brief" in note for note in away.notes)
    receipt = read_last_receipt(session)
    assert receipt is not None and receipt.proof.lossy
    run = await wait_for_run(voyage.host, session.id, lambda state: state.phase == "finished")
    assert run.lossy and run.location == "vm"
    assert any(block.type == "agent" and block.lossy for block in run.blocks)
    first = asked(voyage.there("trees", session))[-1]["text"]
    assert first.startswith("Note from castoff: you take this session over")
    assert "> Make it, and mind the gap." in first
    assert "you now run on another machine (vm)" in first and first.endswith("Go on there.")


async def test_another_agent_goes_on_there_and_at_home(voyage: Voyage) -> None:
    provide(voyage, "feigning")
    session = await work_here(voyage, "errand", "[[do: echo begun > made.txt]]")
    steps = await hand(voyage, session, Terms(agent="feigning", say="Go on there."))
    assert isinstance(steps[-1], Away), steps[-1]
    proved = next(step for step in steps if isinstance(step, Proved))
    assert (proved.agent, proved.lossy) == ("feigning", True)
    run = await wait_for_run(voyage.host, session.id, lambda state: state.phase == "finished")
    assert run.agent == "feigning"
    told = asked(voyage.there("trees", session))[-1]["text"]
    assert "> [[do: echo begun > made.txt]]" in told
    known = get_session(state_dir(), session.id)
    assert known is not None and known.info.agent == "feigning", "it is this agent's at home, too"
    home = (await drive(pull_back(voyage.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    viewer = await open_local(known)
    await follow(viewer, lambda state: state.phase == "paused" and "--brief" in state.detail)
    await viewer.resume(brief=True)
    await viewer.prompt("And here.")
    await follow(viewer, lambda state: state.phase == "finished")
    await viewer.stop()
    await viewer.close()
    last = asked(Path(session.info.project))[-1]["text"]
    assert "came home from vm" in last and "> Go on there." in last and last.endswith("And here.")
    assert fold(known).lossy


async def test_an_agent_that_is_not_there_is_told_of_before_anything_moves(voyage: Voyage) -> None:
    session = await work_here(voyage, "errand", "[[do: true]]")
    refused = (await hand(voyage, session, Terms(agent="codex")))[-1]
    assert isinstance(refused, StillHere) and refused.code == "agent-missing"
    known = get_session(state_dir(), session.id)
    assert known is not None and known.info.agent == "errand"
    viewer = await open_local(session)
    await viewer.stop()
    await viewer.close()
