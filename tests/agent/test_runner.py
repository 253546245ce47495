"""The runner with the real built-in agent: turns, questions, interrupt, drain, budget, failures, ownership."""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runner as runner_module
from agent import server as server_module
from agent.arrival import Arrival, arrival_path
from agent.blocks import NoteBlock, PermissionBlock, PromptBlock, TextBlock, ToolBlock
from agent.demo_model.reply import Call, Reply
from agent.driver import Driver
from agent.durable import read_model, write_model
from agent.errors import CommandRefused, NotOwner, RunnerBusy, ViewerGone
from agent.events import AgentStarted, Budget, PhaseChanged, Prompted, Text, TurnEnded, Used
from agent.lease import Lease, write_lease
from agent.reception import RunnerRecord
from agent.recorder import Recorder
from agent.runner import serve
from agent.runner_lock import is_served
from agent.sessions import SessionDir
from agent.state import SessionState
from remote.local import quiet
from tests.agent.running import Place, seqs_are_whole, with_profile
from tests.doubles.openai_model import RECAP, model_environment, serving
from tests.waiting import until

WAIT = "echo begun > begun; while [ ! -e go ]; do sleep 0.05; done; echo done > done"
SCRIPTS = {
    "greet": [Reply("Hello."), Reply("Again.")],
    "edit": [Reply("", (Call("write", {"path": "new.txt", "content": "x\n"}),)), Reply("Written.")],
    "both": [
        Reply("", (Call("write", {"path": "new.txt", "content": "x\n"}),)),
        Reply("", (Call("run", {"command": "echo ran > ran.txt"}),)),
        Reply("Both."),
    ],
    "wait": [Reply("Now. ", (Call("run", {"command": WAIT}),)), Reply("It is over.")],
    "forever": [Reply("Now. ", (Call("run", {"command": "echo $$ > begun; sleep 300"}),)), Reply("Never.")],
    "long": [Reply("word " * 3000, word_pause=0.02)],
    "breaks": [
        Reply("", (Call("write", {"path": "new.txt", "content": "x\n"}),)),
        Reply("oh dear", status=401),
    ],
    "recap": [Reply(RECAP)],
}


def ask(name: str, words: str = "Please") -> str:
    return f"{words} [[script: {name}]]"


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    with serving(SCRIPTS, tmp_path / "requests.jsonl") as (model, port):
        yield Place(own_session, tmp_path / "tree", model, model_environment(port))


def texts(state: SessionState) -> list[str]:
    return [block.text for block in state.blocks if isinstance(block, TextBlock)]


async def test_a_turn(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("greet"))
        state = await run.until_phase("finished")
        assert texts(state) == ["Hello."]
        assert (state.turns, state.agent, state.queue) == (1, "builtin", ())
        await run.viewer.stop()
        await run.until_ended()
    assert run.events == place.events()
    assert (place.state().phase, is_served(place.session)) == ("stopped", False)
    assert not (place.session.path / "runner.json").exists()
    files = [p for p in place.session.path.iterdir() if p.is_file()]
    assert {p.stat().st_mode & 0o777 for p in files} == {0o600}


async def test_two_prompts_wait_their_turn_and_tokens_add_up(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("greet", "First"))
        await run.viewer.prompt(ask("greet", "Second"))
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        prompts = [b.text for b in state.blocks if isinstance(b, PromptBlock)]
        assert prompts == [ask("greet", "First"), ask("greet", "Second")]
        phases = [e.phase for e in run.events if isinstance(e, PhaseChanged)]
        assert phases.count("finished") == 1
        totals = [e.input_tokens for e in run.events if isinstance(e, Used) and e.input_tokens]
        assert len(totals) == 2 and totals[1] > totals[0] * 1.5
        with pytest.raises(CommandRefused, match="empty prompt"):
            await run.viewer.prompt(" \n")


async def test_a_question_is_answered_by_a_viewer(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("edit"))
        state = await run.until(lambda s: bool(s.questions))
        (question,) = state.questions
        assert not (place.tree / "new.txt").exists()
        with pytest.raises(CommandRefused, match="There is no answer 'maybe'"):
            await run.viewer.answer(question.request_id, "maybe")
        option = next(o.option_id for o in question.options if o.kind == "allow_once")
        await run.until_phase("needs-input")
        await run.viewer.answer(question.request_id, option)
        state = await run.until_phase("finished")
        assert (place.tree / "new.txt").read_text() == "x\n"
        assert [b.by for b in state.blocks if isinstance(b, PermissionBlock)] == ["user"]
        with pytest.raises(CommandRefused, match="answered elsewhere already: "):
            await run.viewer.answer(question.request_id, option)


async def test_policies(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_policy("accept-edits")
        await run.viewer.prompt(ask("both"))
        state = await run.until(lambda s: bool(s.questions))
        assert (place.tree / "new.txt").exists() and not (place.tree / "ran.txt").exists()
        asked = next(b for b in state.blocks if isinstance(b, ToolBlock) and b.call_id == state.questions[0].call_id)
        assert asked.tool_kind == "execute"
        await run.viewer.interrupt()
        await run.until_phase("idle")
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("both"))
        await run.until_phase("finished")
        assert (place.tree / "ran.txt").read_text() == "ran\n"


async def test_interrupt(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("long"))
        await run.until(lambda s: bool(texts(s)))
        await run.viewer.interrupt()
        state = await run.until_phase("idle")
        assert (state.turn, state.interrupted_turn, state.blocks[-1].type) == (None, None, "turn")
        with pytest.raises(CommandRefused, match="nothing to resume"):
            await run.viewer.resume()
        await run.viewer.prompt(ask("greet"))
        assert texts(await run.until_phase("finished"))[-1] == "Hello."


async def test_drain_waits_for_the_tool_boundary(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("wait"))
        await until((place.tree / "begun").exists)
        drain = asyncio.create_task(run.viewer.drain(60))
        await run.until_phase("draining")
        with pytest.raises(CommandRefused, match="being moved"):
            await run.viewer.prompt("more")
        with pytest.raises(CommandRefused, match="drained already"):
            await run.viewer.drain(1)
        assert not drain.done()
        (place.tree / "go").touch()
        await drain
        await run.until_ended()
    assert (place.tree / "done").exists()
    state = place.state()
    assert (state.phase, is_served(place.session)) == ("drained", False)
    (tool,) = (b for b in state.blocks if isinstance(b, ToolBlock))
    assert tool.status == "completed"
    assert place.events()[-1].kind == "phase"


async def test_drain_cancels_after_its_deadline_and_the_session_goes_on(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("greet", "Before"))
        await run.until_phase("finished")
        await run.viewer.prompt(ask("forever"))
        await until((place.tree / "begun").exists)
        await run.viewer.drain(0.05)
        await run.until_ended()
    state = place.state()
    prompt = next(e for e in place.events() if isinstance(e, Prompted) and "forever" in e.text)
    assert (state.phase, state.interrupted_turn, state.turn) == ("drained", prompt.prompt_id, None)
    assert [e.stop_reason for e in place.events() if isinstance(e, TurnEnded)] == ["end_turn", "drained"]
    pid = (place.tree / "begun").read_text().strip()
    await until(lambda: not Path(f"/proc/{pid}").exists())

    async with place.running() as run:
        await run.until_phase("idle")
        await run.viewer.resume()
        state = await run.until(lambda s: s.turns == 3)
        assert "continue where you stopped" in [b.text for b in state.blocks if isinstance(b, PromptBlock)][-1]
        await run.until_phase("finished", "idle", "failed", "paused")
        await run.viewer.prompt(ask("recap"))
        state = await run.until(lambda s: s.turns == 4 and s.phase == "finished")
        recap = texts(state)[-1]
        for words in (ask("greet", "Before"), ask("forever"), "continue where you stopped"):
            assert words in recap
    roles = [m["role"] for m in place.model.requests()[-1]["messages"]]
    assert roles.count("user") == 4
    assert "tool" in roles
    assert [e.resumed for e in place.events() if isinstance(e, AgentStarted)] == ["new", "resume"]
    assert seqs_are_whole(place)


async def test_what_a_move_left_untold_goes_with_the_next_prompt_and_no_later_one(place: Place) -> None:
    home = Arrival(origin="vm", to="here", files=0, size=0, seconds=1.0, tell="clash.txt is in conflict.")
    write_model(arrival_path(place.session, 1), home)
    async with place.running() as run:
        for number in (1, 2):
            await run.viewer.prompt(ask("greet", f"Prompt {number}"))
            await run.until(lambda s, number=number: s.turns == number and s.phase == "finished")
    said = [str(m["content"]) for m in place.model.requests()[-1]["messages"] if m["role"] == "user"]
    assert [("clash.txt is in conflict." in text, f"Prompt {n}" in text) for n, text in enumerate(said, 1)] == [
        (True, True),
        (False, True),
    ]
    shown = [block.text for block in place.state().blocks if isinstance(block, PromptBlock)]
    assert shown == [ask("greet", "Prompt 1"), ask("greet", "Prompt 2")]


async def test_drain_while_a_question_is_open(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("edit"))
        await run.until(lambda s: bool(s.questions))
        await run.viewer.drain(60)
        await run.until_ended()
    state = place.state()
    assert (state.phase, state.questions, state.interrupted_turn is not None) == ("drained", (), True)
    assert not (place.tree / "new.txt").exists()


async def test_loading_again_records_nothing_twice(place: Place) -> None:
    loading = with_profile(place.duty(), resume=("load",))
    for _ in range(2):
        async with place.running(loading) as run:
            await run.until_phase("idle", "finished")
            turns = run.state.turns
            await run.viewer.prompt(ask("greet"))
            await run.until(lambda s, n=turns: s.turns == n + 1 and s.phase == "finished")
            await run.viewer.stop()
            await run.until_ended()
    assert texts(place.state()) == ["Hello.", "Hello."]
    assert [e.resumed for e in place.events() if isinstance(e, AgentStarted)] == ["new", "load"]


async def test_turns_of_the_budget(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_budget(Budget(max_turns=1))
        await run.viewer.prompt(ask("greet", "One"))
        await run.viewer.prompt(ask("greet", "Two"))
        state = await run.until_phase("paused")
        assert (state.turns, len(state.queue), state.detail) == (1, 1, "The budget of 1 turn is used up.")
        with pytest.raises(CommandRefused, match="Raise the budget first") as refused:
            await run.viewer.resume()
        assert refused.value.code == "budget"
        await run.viewer.stop()
        await run.until_ended()
    async with place.running() as run:
        await run.viewer.set_budget(Budget(max_turns=1))
        await run.until(lambda s: s.phase == "stopped" or s.turns == 2)
        assert (await run.until(lambda s: s.turns == 2 and s.phase == "finished")).queue == ()


async def test_minutes_of_the_budget_cut_a_turn(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.prompt(ask("long"))
        await run.until(lambda s: bool(texts(s)))
        await run.viewer.set_budget(Budget(max_minutes=0.0001))
        state = await run.until_phase("paused")
        assert "minutes is used up" in state.detail
        assert state.interrupted_turn is not None
        with pytest.raises(CommandRefused, match="Raise the budget first"):
            await run.viewer.resume()
        await run.viewer.set_budget(Budget(max_minutes=60))
        await run.viewer.resume()
        await run.until(lambda s: s.turns == 2)


async def test_a_shortage_cuts_a_turn_until_it_is_over(place: Place) -> None:
    why = ""
    async with place.running(replace(place.duty(), shortage=lambda: why)) as run:
        await run.viewer.prompt(ask("long"))
        await run.until(lambda s: bool(texts(s)))
        why = "The disk is full. Make room."
        state = await run.until_phase("paused")
        assert state.detail == why and state.interrupted_turn is not None
        with pytest.raises(CommandRefused, match="Make room") as refused:
            await run.viewer.resume()
        assert refused.value.code == "shortage"
        why = ""
        await run.viewer.resume()
        await run.until(lambda s: s.turns == 2)


async def test_dollars_of_the_budget(place: Place) -> None:
    priced = Place(place.session, place.tree, place.model, place.environment | {"CASTOFF_MODEL": "openai-chat:gpt-4o"})
    async with priced.running() as run:
        await run.viewer.set_budget(Budget(max_usd=0.000001))
        await run.viewer.prompt(ask("greet", "One"))
        await run.viewer.prompt(ask("greet", "Two"))
        state = await run.until_phase("paused")
        assert state.usage.cost_usd is not None and state.usage.cost_usd > 0
        assert len(state.queue) == 1 and "$0.0000" in state.detail
        with pytest.raises(CommandRefused, match="Raise the budget first"):
            await run.viewer.resume()
        await run.viewer.set_budget(Budget(max_usd=100))
        await run.viewer.resume()
        await run.until(lambda s: s.turns == 2 and s.phase == "finished")


async def test_an_unknown_price_is_said_once(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_budget(Budget(max_usd=0.000001))
        await run.viewer.prompt(ask("greet", "One"))
        await run.viewer.prompt(ask("greet", "Two"))
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        notes = [b.text for b in state.blocks if isinstance(b, NoteBlock)]
        assert len(notes) == 1 and notes[0].startswith("Cost unknown")


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["/no/such/agent"], "cannot be started: /no/such/agent: No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('no licence')"], "ended with status 1: no licence"),
    ],
)
async def test_an_agent_that_does_not_start(place: Place, argv: list[str], sentence: str) -> None:
    async with place.running(place.duty(argv)) as run:
        state = await run.until_phase("failed")
        assert sentence in state.detail and "\n" not in state.detail
        await run.viewer.prompt(ask("greet"))
        state = await run.until(lambda s: s.phase == "failed" and bool(s.queue))
        await run.viewer.drain(5)
        await run.until_ended()
    async with place.running() as run:
        assert texts(await run.until_phase("finished")) == ["Hello."]


async def test_why_a_turn_failed_is_told_once(place: Place) -> None:
    place.environment["CASTOFF_MODEL"] = ""
    async with place.running() as run:
        await run.viewer.prompt("Build a boat")
        state = await run.until_phase("failed")
    assert state.detail.startswith("No model is chosen. Set CASTOFF_MODEL")
    told = [block.model_dump_json() for block in state.blocks if state.detail in block.model_dump_json()]
    assert len(told) == 1 and state.blocks[-1].type == "turn"


async def test_an_agent_that_dies_in_mid_turn(place: Place, tmp_path: Path) -> None:
    pid_file = tmp_path / "agent.pid"
    script = (
        f"import os, pathlib, runpy; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()));"
        "runpy.run_module('agent.builtin', run_name='__main__')"
    )
    async with place.running(place.duty([sys.executable, "-I", "-c", script])) as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("forever"))
        await until((place.tree / "begun").exists)
        pid = int(pid_file.read_text())
        kill_group(pid)
        state = await run.until_phase("failed")
        assert "The agent ended with status -9" in state.detail
        assert (state.turn, state.interrupted_turn is not None, len(state.interrupted_calls)) == (None, True, 1)
        await run.viewer.prompt(ask("recap"))
        state = await run.until_phase("finished")
        assert ask("forever") in texts(state)[-1]
        # An agent that dies between turns is not noticed by the user at all.
        pid = int(pid_file.read_text())
        kill_group(pid)
        await until(lambda: not Path(f"/proc/{pid}").exists())
        await run.viewer.prompt(ask("greet"))
        await run.until(lambda s: s.turns == 3 and s.phase == "finished")


def kill_group(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


async def lose_the_lease(place: Place) -> None:
    """Take the lease away while the agent speaks, and wait until the runner has ended."""
    async with place.running() as run:
        await run.viewer.prompt(ask("long"))
        await run.until(lambda s: bool(texts(s)))
        write_lease(place.session, Lease(epoch=2, state="released"))
        async with asyncio.timeout(30):
            await run.runner


def says_late(place: Place) -> bool:
    return any(isinstance(e, Text) and "LATE" in e.text for e in place.events())


async def test_a_runner_that_owns_no_more_ends_and_writes_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence, counts = Recorder.fence, list[int]()

    def fence_while_text_is_held(recorder: Recorder) -> None:
        counts.append(len(place.events()))
        recorder.record(Text(text="LATE"))
        fence(recorder)
        recorder.record(Text(text="LATE"))

    monkeypatch.setattr(Recorder, "fence", fence_while_text_is_held)
    await lose_the_lease(place)
    assert len(place.events()) == counts[0]
    assert not says_late(place)
    assert not is_served(place.session)
    assert not any(isinstance(e, TurnEnded) for e in place.events())
    with pytest.raises(NotOwner):
        await serve(place.duty())


async def test_without_the_fence_the_journal_would_grow(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug."""
    fence, close = Recorder.fence, Recorder.close

    def do_not_fence(recorder: Recorder) -> None:
        recorder.record(Text(text="LATE"))

    def believe(_: Recorder) -> bool:
        return True

    def close_really(recorder: Recorder) -> None:
        monkeypatch.setattr(Recorder, "fence", fence)
        close(recorder)

    # Neither at the heartbeat nor before an event.
    monkeypatch.setattr(Recorder, "_still_held", believe)
    monkeypatch.setattr(Recorder, "fence", do_not_fence)
    monkeypatch.setattr(Recorder, "close", close_really)
    await lose_the_lease(place)
    assert says_late(place)


async def test_a_second_runner_is_refused(place: Place) -> None:
    async with place.running() as run:
        assert is_served(place.session)
        with pytest.raises(RunnerBusy):
            await serve(place.duty())
        await run.viewer.prompt(ask("greet"))
        await run.until_phase("finished")


async def test_an_idle_runner_ends_when_nobody_watches(place: Place) -> None:
    async with place.running(place.duty(linger=0.0)) as run:
        await run.viewer.prompt(ask("greet"))
        await run.until_phase("finished")
        assert not run.runner.done()
        await run.viewer.close()
        async with asyncio.timeout(30):
            await run.runner
    assert place.state().phase == "finished"
    assert not is_served(place.session)


async def test_who_never_says_hello_keeps_no_idle_runner(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_HELLO_SECONDS", 0.2)
    async with place.running(place.duty(linger=0.0)) as run:
        record = read_model(place.session.path / "runner.json", RunnerRecord)
        reader, writer = await asyncio.open_unix_connection(record.socket)
        await run.viewer.close()
        async with asyncio.timeout(30):
            assert await reader.read() == b""
            await run.runner
        writer.close()


async def test_a_journal_that_cannot_be_written_ends_the_runner(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async with place.running() as run:
        await run.until_phase("idle")
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            with pytest.raises(ViewerGone):
                await run.viewer.prompt("Go")
            with pytest.raises(OSError, match="No space left"):
                async with asyncio.timeout(30):
                    await run.runner
    assert seqs_are_whole(place)
    assert not is_served(place.session)


async def test_frames_that_cannot_be_kept_end_a_runner_that_is_drained(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), place.session.frames.stat()):
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    async with place.running() as run:
        await run.until_phase("idle")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(ViewerGone):
                await run.viewer.drain(5)
            await until(run.runner.done)
            with pytest.raises(OSError, match="Input/output error"):
                await run.runner
    assert seqs_are_whole(place)
    async with quiet(place.session, 1):
        pass


async def test_tokens_of_a_turn_that_fails_are_kept(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("breaks"))
        state = await run.until_phase("failed")
        assert (place.tree / "new.txt").exists()
        assert state.usage.input_tokens and state.usage.output_tokens


async def test_a_price_that_becomes_unknown_midway_is_said(place: Place) -> None:
    priced = Place(place.session, place.tree, place.model, place.environment | {"CASTOFF_MODEL": "openai-chat:gpt-4o"})
    async with priced.running() as run:
        await run.viewer.set_budget(Budget(max_usd=100))
        await run.viewer.prompt(ask("greet"))
        assert not (await run.until_phase("finished")).usage.unpriced
        await run.viewer.stop()
        await run.until_ended()
    record = next((Path.home() / ".castoff-agent/sessions").glob("*.json"))
    record.write_text(record.read_text().replace("openai-chat:gpt-4o", place.environment["CASTOFF_MODEL"]))
    async with place.running() as run:
        await run.until_phase("finished", "idle")
        await run.viewer.prompt(ask("greet"))
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        assert state.usage.unpriced and state.usage.cost_usd
        assert [b.text[:12] for b in state.blocks if isinstance(b, NoteBlock)] == ["Cost unknown"]


async def test_a_prompt_that_waits_can_be_taken_back(place: Place) -> None:
    async with place.running() as run:
        await run.viewer.set_policy("accept-all")
        await run.viewer.prompt(ask("wait"))
        await until(lambda: (place.tree / "begun").exists())
        for words in ("first", "second"):
            await run.viewer.prompt(ask("greet", words))
        state = await run.until(lambda s: len(s.queue) == 2)
        working, (first, second) = state.turn, state.queue
        assert working is not None
        await run.viewer.take_back(first.prompt_id)
        for gone in (first.prompt_id, working):
            with pytest.raises(CommandRefused, match="does not wait any more"):
                await run.viewer.take_back(gone)
        (place.tree / "go").touch()
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        assert [b.text for b in state.blocks if isinstance(b, PromptBlock)][1:] == [second.text]
        await run.viewer.stop()
        await run.until_ended()


async def test_taken_back_while_the_agent_starts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    start = Driver.start

    async def slow_start(driver: Driver) -> None:
        begun.set()
        await go_on.wait()
        await start(driver)

    async with place.running() as run:
        await run.viewer.prompt(ask("greet", "one"))
        state = await run.until_phase("finished")
        monkeypatch.setattr(Driver, "alive", property(lambda driver: go_on.is_set()))
        monkeypatch.setattr(Driver, "start", slow_start)
        await run.viewer.prompt(ask("greet", "two"))
        state = await run.until(lambda s: len(s.queue) == 1)
        await begun.wait()
        await run.viewer.take_back(state.queue[0].prompt_id)
        go_on.set()
        await run.viewer.prompt(ask("greet", "three"))
        state = await run.until(lambda s: s.turns == 2 and s.phase == "finished")
        assert [b.text[:5] for b in state.blocks if isinstance(b, PromptBlock)] == ["one [", "three"]
        await run.viewer.stop()
        await run.until_ended()
