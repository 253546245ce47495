"""Crashes in mid-turn where nobody sits in front of the session: made good a few times, and told."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import recovery
from agent import runner as runner_module
from agent.arrival import continuation
from agent.durable import write_model
from agent.events import (
    Budget,
    BudgetSet,
    Event,
    Noted,
    PhaseChanged,
    Prompted,
    Text,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from agent.fold import advance
from agent.journal import Journal
from agent.lease import Lease, write_lease
from agent.reception import BootRecord
from agent.recovery import has_work, note_recovery, pause_before, recall, recovery_prompt, was_cut
from agent.sessions import SessionDir
from agent.state import SessionState
from tests.agent.running import Place, seqs_are_whole
from tests.agent.test_stubborn import argv
from tests.doubles.openai_model import serving
from tests.waiting import until

AGENT = """
import json, os, pathlib, sys, time

here = pathlib.Path.cwd()
def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def tell(**update):
    send(method="session/update", params={"sessionId": "s", "update": update})

for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            with (here / "starts").open("a") as starts:
                starts.write("x")
            while (here / "hangs").exists():
                time.sleep(0.02)
            if (here / "broken").exists():
                sys.exit("it cannot start")
            send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {"loadSession": True}})
        case "session/new":
            send(id=message["id"], result={"sessionId": "s"})
        case "session/load" | "session/set_mode":
            send(id=message["id"], result={})
        case "session/prompt":
            with (here / "prompts").open("a") as prompts:
                prompts.write(json.dumps(message["params"]["prompt"][0]["text"]) + chr(10))
            while (here / "slow").exists():
                time.sleep(0.02)
            deaths = here / "deaths"
            left = int(deaths.read_text()) if deaths.exists() else 0
            if left:
                deaths.write_text(str(left - 1))
                tell(sessionUpdate="tool_call", toolCallId=f"c{left}", title="make world", status="in_progress")
                if (here / "waits").exists():
                    (here / "waiting").touch()
                    time.sleep(300)
                time.sleep(0.1)
                os.kill(os.getpid(), 9)
            send(id=message["id"], result={"stopReason": "end_turn"})
"""


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(recovery, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


def duty(place: Place, **changes: object):
    agent = place.duty([sys.executable, "-I", "-c", AGENT])
    return replace(agent, **({"unattended": True} | changes))  # pyright: ignore[reportArgumentType]  # its own fields


def notes(state: SessionState) -> list[str]:
    return [block.text for block in state.blocks if block.type == "note"]


def prompts(place: Place) -> list[str]:
    return (place.tree / "prompts").read_text().splitlines()


async def test_an_agent_that_dies_is_started_again_and_told(place: Place) -> None:
    (place.tree / "deaths").write_text("2")
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Build it")
        state = await run.until_phase("finished")
    said = prompts(place)
    assert len(said) == 3 and sum("Build it" in each for each in said) == 1
    assert all("started again" in each and "may have run" in each for each in said[1:])
    assert len(notes(state)) == 2 and all("status -9" in note and "make world" in note for note in notes(state))
    assert state.recoveries == () and seqs_are_whole(place)


async def test_an_agent_that_dies_again_and_again_waits_for_its_user(place: Place) -> None:
    (place.tree / "deaths").write_text("5")
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Build it")
        state = await run.until_phase("paused")
        assert "waits until you resume" in state.detail and "make world" in state.detail
        assert len(prompts(place)) == 1 + len(recovery.PAUSES) and state.queue == ()
        await run.viewer.resume()
        await run.until_phase("finished")


async def test_an_agent_that_cannot_be_started_again_at_once_is_tried_again(place: Place) -> None:
    (place.tree / "deaths").write_text("1")
    (place.tree / "waits").touch()
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Build it")
        await until((place.tree / "waiting").exists)
        (place.tree / "broken").touch()
        kill_agent(place)
        await run.until(lambda s: len(s.recoveries) == 2)
        (place.tree / "broken").unlink()
        await run.until(lambda s: s.phase in ("finished", "paused"))
        assert run.state.queue == () or run.state.phase == "paused"


def kill_agent(place: Place) -> None:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                mine = (entry / "cwd").readlink() == place.tree and b"sessionUpdate" in (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mine:
                os.kill(int(entry.name), 9)


async def test_in_front_of_a_user_nothing_is_taken_up_by_itself(place: Place) -> None:
    (place.tree / "deaths").write_text("1")
    async with place.running(duty(place, unattended=False)) as run:
        await run.viewer.prompt("Build it")
        state = await run.until_phase("failed")
        assert state.interrupted_turn is not None and len(prompts(place)) == 1
        await run.viewer.prompt("And then this")
        await run.until_phase("finished")
        await run.viewer.prompt("And that")
        await run.until(lambda s: s.phase == "finished" and s.turns == 3)
    # The agent that was started instead may know less of it than castoff saw; it is told once.
    _, told, after = prompts(place)
    assert "make world: it was cut off, and may have run" in told and told.endswith('And then this"')
    assert after == '"And that"'


def test_what_an_agent_may_have_lost_by_a_crash_is_told() -> None:
    turn = [
        Prompted(seq=1, prompt_id="p1", text="Build it"),
        TurnStarted(seq=2, prompt_id="p1"),
        ToolCalled(seq=3, call_id="c1", title="Read\n the chart", status="completed"),
        ToolCalled(seq=4, call_id="c2", title="make sail", status="failed"),
        ToolCalled(seq=5, call_id="c3", title="make world", status="in_progress"),
    ]
    crashed = advance(SessionState(), [*turn, TurnEnded(seq=6, prompt_id="p1", stop_reason="error", detail="-9")])
    assert recall(crashed).splitlines()[1:] == [
        "- Read the chart: it was done",
        "- make sail: it failed",
        "- make world: it was cut off, and may have run",
    ]
    # One that castoff ends has the time to write down what it did; a turn without calls has nothing to tell of.
    assert recall(advance(SessionState(), [*turn, TurnEnded(seq=6, prompt_id="p1", stop_reason="drained")])) == ""
    assert recall(advance(SessionState(), [*turn[:2], TurnEnded(seq=3, prompt_id="p1", stop_reason="error")])) == ""
    assert recall(advance(crashed, [TurnStarted(seq=7, prompt_id="p2")])) == ""


async def test_an_agent_that_refuses_is_not_started_again(place: Place) -> None:
    """It lives: another one would be told the same."""
    async with place.running(replace(place.duty(argv("asks-at-start")), unattended=True)) as run:
        assert run.state.recoveries == ()


def record(place: Place, *events: Event) -> None:
    journal = Journal(place.session.journal, 1)
    for event in events:
        journal.append(event)
    journal.close()


def cut_short(place: Place, *, boot: str | None = None) -> None:
    """What a crashed runner leaves: a turn in the journal with a tool call in flight, and another prompt that waits."""
    record(
        place,
        Prompted(prompt_id="p1", text="Build it"),
        TurnStarted(prompt_id="p1"),
        PhaseChanged(phase="working"),
        ToolCalled(call_id="c1", title="make world", status="in_progress"),
        Prompted(prompt_id="p2", text="And then this"),
    )
    if boot is not None:
        write_model(place.session.path / "boot.json", BootRecord(boot=boot))


@pytest.mark.parametrize(("boot", "told"), [(None, "runner ended"), ("of-before", "machine was restarted")])
async def test_a_turn_that_a_crash_cut_is_taken_up_before_what_waits(place: Place, boot: str | None, told: str) -> None:
    cut_short(place, boot=boot)
    async with place.running(duty(place)) as run:
        state = await run.until(lambda s: s.phase == "finished" and not s.queue)
    said = prompts(place)
    assert len(said) == 2 and "may have run" in said[0] and "And then this" in said[1]
    assert ("restarted" in said[0]) == (boot is not None)
    assert [told in note and "make world" in note for note in notes(state)] == [True]


async def test_a_turn_that_had_only_just_begun_is_taken_up(place: Place) -> None:
    record(place, PhaseChanged(phase="idle"), Prompted(prompt_id="p1", text="Build it"), TurnStarted(prompt_id="p1"))
    async with place.running(duty(place)) as run:
        await run.until(lambda s: s.phase == "finished" and not s.queue)
    # Nothing says that the agent ever got the prompt, so it gets it now.
    (said,) = prompts(place)
    assert "continue where you stopped" in said and said.rstrip('"').endswith("Build it")


def test_a_prompt_that_the_agent_went_by_is_not_quoted() -> None:
    heard = [
        Prompted(seq=1, prompt_id="p1", text="Build it"),
        TurnStarted(seq=2, prompt_id="p1"),
        Text(seq=3, text="I begin."),
        TurnEnded(seq=4, prompt_id="p1", stop_reason="crash"),
    ]
    assert "Build it" not in continuation(advance(SessionState(), heard))
    assert continuation(advance(SessionState(), [*heard[:2], heard[3].model_copy(update={"seq": 3})])).endswith(
        "Build it"
    )


async def test_a_held_session_starts_no_agent_before_its_user_resumes(place: Place) -> None:
    cut_short(place)
    async with place.running(duty(place, held="It crashed too often.")) as run:
        state = await run.until_phase("paused")
        assert state.detail == "It crashed too often." and not (place.tree / "prompts").exists()
        await run.viewer.resume()
        await run.until(lambda s: s.phase == "finished" and not s.queue)
        assert "may have run" in prompts(place)[0]


async def test_a_drain_that_crashed_is_no_reason_to_stand_still(place: Place) -> None:
    """Whoever drained it got nothing; and a reboot in between would leave it as it is for good."""
    cut_short(place)
    record(place, PhaseChanged(phase="draining"))
    async with place.running(duty(place)) as run:
        await run.until(lambda s: s.phase == "finished" and not s.queue)
    assert "may have run" in prompts(place)[0]


@pytest.mark.parametrize("budget", [Budget(), Budget(max_turns=1)])
async def test_a_pause_outlives_a_crash_while_the_agent_starts(place: Place, budget: Budget) -> None:
    turn = [TurnStarted(prompt_id="p0"), TurnEnded(prompt_id="p0", stop_reason="budget")]
    record(place, BudgetSet(budget=budget), *turn)
    record(place, Prompted(prompt_id="p1", text="Build it"), PhaseChanged(phase="paused", detail="Look first."))
    (place.tree / "hangs").touch()
    async with place.running(duty(place)):
        await until((place.tree / "starts").exists)
        assert not has_work(place.state())
    (place.tree / "hangs").unlink()
    async with place.running(duty(place)) as run:
        await run.until(lambda s: any(block.type == "agent" for block in s.blocks))
        await run.viewer.set_policy("accept-all")
        state = await run.until(lambda s: s.policy == "accept-all")
        assert (state.phase, state.detail) == ("paused", "Look first.") and len(state.queue) == 1
        assert not (place.tree / "prompts").exists()
        if budget.max_turns is None:
            await run.viewer.resume()
            await run.until(lambda s: s.phase == "finished" and not s.queue)


async def test_who_resumes_while_the_agent_starts_is_heard(place: Place) -> None:
    record(place, Prompted(prompt_id="p1", text="Build it"), PhaseChanged(phase="paused", detail="Look first."))
    (place.tree / "hangs").touch()
    async with place.running(duty(place)) as run:
        await until((place.tree / "starts").exists)
        await run.viewer.resume()
        (place.tree / "hangs").unlink()
        await run.until(lambda s: s.phase == "finished" and not s.queue)


async def test_nothing_is_taken_up_that_is_not_held_here_any_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PAUSES", (0.3,))
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 300.0)
    (place.tree / "deaths").write_text("1")
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Build it")
        await run.until(lambda s: bool(s.recoveries))
        write_lease(place.session, Lease(epoch=2, state="away", to="home"))
        await run.until_ended()
    assert len(prompts(place)) == 1 and (place.tree / "starts").read_text() == "x"


async def test_no_prompt_that_waited_is_sent_for_somebody_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 300.0)
    (place.tree / "slow").touch()
    async with place.running(duty(place)) as run:
        await run.viewer.prompt("Build it")
        await run.viewer.prompt("And then this")
        await until((place.tree / "prompts").exists)
        write_lease(place.session, Lease(epoch=2, state="away", to="home"))
        (place.tree / "slow").unlink()
        await run.until_ended()
    assert len(prompts(place)) == 1


def test_how_often(place: Place) -> None:
    state = SessionState()
    now = 1_000_000.0
    for pause in recovery.PAUSES:
        assert pause_before(state, now) == pause
        state = state.model_copy(update={"recoveries": (*state.recoveries, now)})
    assert pause_before(state, now) is None and pause_before(state, now - 7200) is None
    assert pause_before(state, now + recovery.WINDOW_SECONDS) == recovery.PAUSES[0]


def test_who_looks_or_what_goes_well_makes_them_count_anew() -> None:
    crashed = advance(SessionState(), [Noted(seq=1, at=5.0, text="!", recovered="agent")])
    assert crashed.recoveries == (5.0,)
    assert advance(crashed, [Prompted(seq=2, prompt_id="p", text="Go on")]).recoveries == ()
    assert advance(crashed, [Prompted(seq=2, prompt_id="p", text="Go on", source="castoff")]).recoveries == (5.0,)
    assert advance(crashed, [PhaseChanged(seq=2, phase="finished")]).recoveries == ()
    assert advance(crashed, [PhaseChanged(seq=2, phase="working")]).recoveries == (5.0,)


def test_what_is_work() -> None:
    cut = [
        Prompted(seq=1, prompt_id="p", text="Go"),
        TurnStarted(seq=2, prompt_id="p"),
        PhaseChanged(seq=3, phase="working"),
    ]
    # Killed before it could say that it is at work, too.
    assert all(has_work(state) and was_cut(state) for n in (2, 3) for state in [advance(SessionState(), cut[:n])])
    ended = [*cut, TurnEnded(seq=4, prompt_id="p", stop_reason="crash")]
    assert was_cut(advance(SessionState(), ended))
    assert not has_work(advance(SessionState(), [*ended, PhaseChanged(seq=5, phase="paused")]))
    assert not has_work(advance(SessionState(), [PhaseChanged(seq=1, phase="finished")]))


def test_a_long_list_of_calls_is_not_told_in_full() -> None:
    calls = [ToolCalled(seq=n, call_id=f"c{n}", title="x" * 500, status="in_progress") for n in range(2, 12)]
    state = advance(SessionState(), [TurnStarted(seq=1, prompt_id="p"), *calls])
    state = advance(state, [TurnEnded(seq=20, prompt_id="p", stop_reason="crash")])
    assert len(note_recovery(state, "runner").text) < 700 and "and 7 more" in note_recovery(state, "runner").text
    assert recovery_prompt(state, "runner", "p9").ahead
