"""The real Codex agent, through our ACP client, against a scripted model: what the whole product rests on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentFailed
from agent.events import DiffContent, Planned, ResumeKind, Used
from tests.agents import VERSION, ResponsesModel
from tests.codex_machines import CODEX, Heard, Machine, Machines, assert_continues, carry, reject
from tests.waiting import until


async def test_a_turn_plans_reads_edits_and_runs(
    machines: Machines, responses_model: ResponsesModel, codex_tree: Path
) -> None:
    write_work(responses_model)
    heard = Heard()
    here = machines("here")
    async with here.agent(heard) as agent:
        assert agent.version == VERSION == CODEX.version_hint
        _, how = await agent.open(None, CODEX.resume)
        reply = await agent.prompt("Make it greet the world [[work]]")
    assert (how, reply.stop_reason) == ("new", "end_turn")
    plans = [event.entries for event in heard.events if isinstance(event, Planned)]
    assert [(entry.content, entry.status) for entry in plans[0]] == [("Read", "in_progress"), ("Edit", "pending")]
    assert [location.path for call in heard.calls("read") for location in call.locations or ()] == [
        f"{codex_tree}/greet.py"
    ]
    diff = next(part for call in heard.calls("edit") for part in call.content or ())
    assert isinstance(diff, DiffContent)
    assert diff.old_text is not None
    assert (diff.path, '"hello"' in diff.old_text, '"hello, world"' in diff.new_text) == (
        f"{codex_tree}/greet.py",
        True,
        True,
    )
    assert [call.tool_kind for call in heard.asked] == ["edit", "execute"]
    assert [heard.status(call.call_id) for call in heard.asked] == ["completed", "completed"]
    assert (codex_tree / "greet.py").read_text("utf-8") == 'def greet():\n    return "hello, world"\n'
    assert (codex_tree / "out.txt").read_text("utf-8") == "hello, world\n"
    assert heard.text().endswith("Done: it greets the world.")
    gauges = [event for event in heard.events if isinstance(event, Used)]
    assert gauges and all(gauge.context_used and gauge.context_size for gauge in gauges)


async def test_a_rejected_edit_changes_nothing(
    machines: Machines, responses_model: ResponsesModel, codex_tree: Path
) -> None:
    before = (codex_tree / "greet.py").read_text("utf-8")
    responses_model.write_script("edit", {"edit": "greet.py", "old": '    return "hello"', "new": "    return 1"})
    heard = Heard()
    async with machines("here").agent(heard, reject) as agent:
        await agent.open(None, CODEX.resume)
        reply = await agent.prompt("[[edit]]")
    assert [call.tool_kind for call in heard.asked] == ["edit"]
    assert (codex_tree / "greet.py").read_text("utf-8") == before
    assert reply.stop_reason == "cancelled"


@pytest.mark.parametrize("way", CODEX.resume)
async def test_killed_in_mid_command_it_goes_on_elsewhere_with_everything(
    machines: Machines, responses_model: ResponsesModel, codex_tree: Path, way: ResumeKind
) -> None:
    write_interrupted(responses_model)
    here, there = machines("here"), machines("there")
    sid = await crash_in_mid_command(here, codex_tree)
    before = responses_model.inputs()[-1]
    assert len(carry(here, there, sid)) == 1

    heard = Heard()
    async with there.agent(heard) as agent:
        assert await agent.open(sid, (way,)) == (sid, way)
        reply = await agent.prompt("Please go on.")
    assert reply.stop_reason == "end_turn"
    assert (codex_tree / "after.txt").exists()
    # The script went on after the call that was cut off, which the model is told of.
    after = responses_model.inputs()[-1]
    assert_continues(before, after)
    results = [str(item["output"]) for item in after if item["type"].endswith("_output")]
    assert [result for result in results if "aborted" in result]
    assert '"markers": ["long"]' in heard.text()
    prompts = [part["text"] for item in after if item.get("role") == "user" for part in item["content"]]
    assert [text for text in prompts if "[[long]]" in text or text == "Please go on."] == [
        "Work for long [[long]]",
        "Please go on.",
    ]


async def test_it_moves_three_times(machines: Machines, responses_model: ResponsesModel) -> None:
    responses_model.write_script("hop", {"shell": "echo hop"}, {"text": "Hopped."})
    machine, sid = machines("m0"), None
    before: list[dict[str, Any]] = []
    for number in range(4):
        async with machine.agent(Heard()) as agent:
            sid, how = await agent.open(sid, CODEX.resume)
            assert how == ("resume" if number else "new")
            assert (await agent.prompt(f"Hop {number} [[hop]]")).stop_reason == "end_turn"
        assert_continues(before, responses_model.inputs()[-1])
        before = responses_model.inputs()[-1]
        if number < 3:
            machine, last = machines(f"m{number + 1}"), machine
            carry(last, machine, sid)


async def test_a_session_that_did_not_come_along_is_refused(machines: Machines) -> None:
    async with machines("here").agent(Heard()) as agent:
        with pytest.raises(AgentFailed) as caught:
            await agent.open("01a2028a-024f-70c1-a141-91930bd616d3", CODEX.resume)
    assert str(caught.value)


async def test_a_running_command_is_cancelled(
    machines: Machines, responses_model: ResponsesModel, codex_tree: Path
) -> None:
    responses_model.write_script("long", {"shell": "echo $$ > shell.pid; touch started; sleep 600", "seconds": 30})
    async with machines("here").agent(Heard()) as agent:
        await agent.open(None, CODEX.resume)
        turn = asyncio.create_task(agent.prompt("[[long]]"))
        await until((codex_tree / "started").exists)
        await agent.cancel()
        async with asyncio.timeout(20):
            assert (await turn).stop_reason == "cancelled"
        shell = Path("/proc", (codex_tree / "shell.pid").read_text("utf-8").strip())
        await until(lambda: not shell.exists())


async def crash_in_mid_command(here: Machine, codex_tree: Path) -> str:
    """Begin the interrupted script, kill the agent while its long command runs, and return the session's id."""
    heard = Heard()
    async with here.agent(heard) as agent:
        sid, _ = await agent.open(None, CODEX.resume)
        turn = asyncio.create_task(agent.prompt("Work for long [[long]]"))
        await until((codex_tree / "started").exists)
        await until(lambda: heard.status(heard.asked[-1].call_id) == "in_progress")
        here.kill()
        with pytest.raises(AgentFailed, match="ended with status -9"):
            await turn
    return sid


def write_work(model: ResponsesModel) -> None:
    """A whole turn: plan, read, edit, shell, text."""
    model.write_script(
        "work",
        {"plan": [["Read", "in_progress"], ["Edit", "pending"]], "say": "First a plan."},
        {"read": "greet.py"},
        {"edit": "greet.py", "old": '    return "hello"', "new": '    return "hello, world"'},
        {"shell": "python3 -c 'import greet; print(greet.greet())' > out.txt; cat out.txt"},
        {"plan": [["Read", "completed"], ["Edit", "completed"]]},
        {"text": "Done: it greets the world."},
    )


def write_interrupted(model: ResponsesModel) -> None:
    """A turn with a command in the middle that takes for ever the first time."""
    model.write_script(
        "long",
        {"plan": [["Begin", "in_progress"], ["End", "pending"]], "say": "A long piece of work."},
        {"read": "greet.py"},
        {"edit": "greet.py", "old": '    return "hello"', "new": '    return "hello, sea"'},
        {"shell": "touch started; sleep 600", "seconds": 30},
        {"shell": "touch after.txt"},
        {"recap": True},
    )
