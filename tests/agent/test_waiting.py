"""Questions: one that nobody answers is denied when its time is up, and some are answered by rules at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runner as runner_module
from agent.deeds import Rules
from agent.demo_model.reply import Call, Reply
from agent.events import (
    AnyEvent,
    Event,
    PermissionAnswered,
    PermissionAsked,
    PhaseChanged,
    PolicySet,
    Prompted,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    WatchSet,
)
from agent.fold import advance
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.state import SessionState
from agent.waiting import Waiting, first_asked
from agent.watch import Watch
from tests.agent.running import Place
from tests.doubles.openai_model import model_environment, serving
from tests.waiting import until

HOUR = 3600.0


def at(when: float, *events: Event) -> list[Event]:
    return [event.model_copy(update={"at": when}) for event in events]


def fold(events: list[Event]) -> SessionState:
    stamped: list[AnyEvent] = [event.model_copy(update={"seq": n}) for n, event in enumerate(events, 1)]  # type: ignore[misc]  # each class is in AnyEvent
    return advance(SessionState(), stamped)


def begin(when: float, prompt_id: str = "p", source: str = "user") -> list[Event]:
    prompt = Prompted.model_validate({"prompt_id": prompt_id, "text": "Do it", "source": source})
    return at(when, prompt, TurnStarted(prompt_id=prompt_id), PhaseChanged(phase="working"))


def asked(when: float, name: str, command: str = "make deploy") -> list[Event]:
    call = ToolCalled(call_id=f"c{name}", tool_kind="execute", raw_input={"command": command})
    return at(when, call, PermissionAsked(request_id=name, call_id=f"c{name}", options=()))


def closed(when: float, name: str, reason: str) -> list[Event]:
    end = TurnEnded(prompt_id="p", stop_reason=reason)
    return at(when, PermissionAnswered(request_id=name, option_id=None, by="cancel"), end)


KILLED = [*begin(0), *asked(60, "q1"), *closed(1800, "q1", "crash"), *begin(1801, "r", "castoff")]


@pytest.mark.parametrize(
    ("events", "first"),
    [
        ([*begin(0), *asked(60, "q1")], 60),
        ([*KILLED, *asked(1900, "q2")], 60),
        ([*KILLED, *asked(1900, "q2"), *closed(2000, "q2", "crash"), *begin(2001, "s", "castoff"), *asked(9, "q3")], 9),
        ([*KILLED, *asked(1900, "q2", "make test")], 1900),
        # Whoever resumes was there, and the question is new.
        (
            [*begin(0), *asked(60, "q1"), *closed(90, "q1", "watch"), *begin(100, "r", "castoff"), *asked(200, "q2")],
            200,
        ),
        (
            [
                *KILLED[:-3],
                *at(1800, PhaseChanged(phase="paused")),
                *at(90000, PhaseChanged(phase="idle")),
                *begin(90001, "r", "castoff"),
                *asked(90002, "q2"),
            ],
            90002,
        ),
        ([*KILLED, *at(1850, Prompted(prompt_id="t", text="And this")), *asked(1900, "q2")], 1900),
    ],
)
def test_since_when_a_question_waits(events: list[Event], first: float) -> None:
    state = fold(events)
    assert first_asked(state, state.questions[-1]) == first


@pytest.mark.parametrize(("minutes", "passed", "late"), [(60, 59, False), (60, 61, True), (0, 10_000, False)])
def test_when_the_time_is_up(minutes: float, passed: float, late: bool) -> None:
    now = {"steady": 5.0}
    state = fold([*at(0, WatchSet(watch=Watch(answer_minutes=minutes))), *begin(1), *asked(60, "q1")])
    waiting = Waiting(wall=lambda: 60.0, steady=lambda: now["steady"])
    assert waiting.overdue(state) is None
    now["steady"] += passed * 60
    assert (waiting.overdue(state) is not None) == late


def test_the_time_goes_on_while_no_runner_is_there() -> None:
    state = fold([*KILLED, *asked(1900, "q2")])
    assert Waiting(wall=lambda: 60 + HOUR - 1, steady=lambda: 5.0).overdue(state) is None
    assert Waiting(wall=lambda: 60 + HOUR, steady=lambda: 5.0).overdue(state) is not None
    # A clock that was set back gives no more than the whole time anew.
    assert Waiting(wall=lambda: -1e9, steady=lambda: 5.0).overdue(state) is None


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    scripts = {"run": [Reply("", (Call("run", {"command": "echo ran > ran.txt"}),)), Reply("Ran.")]}
    with serving(scripts, tmp_path / "requests.jsonl") as (model, port):
        yield Place(own_session, tmp_path / "tree", model, model_environment(port))


def record(session: SessionDir, *events: Event) -> None:
    recorder = Recorder(session.journal, 1)
    for event in events:
        recorder.record(event)
    recorder.close()


async def test_it_is_denied_and_the_run_paused_and_goes_on_when_resumed(place: Place) -> None:
    record(place.session, WatchSet(watch=Watch(answer_minutes=0.005)))
    async with place.running(replace(place.duty(), unattended=True)) as run:
        await run.viewer.prompt("[[script: run]]")
        state = await run.until_phase("paused")
        assert state.detail == "Nobody answered for 0.005 minutes: it is denied, and the run waits."
        assert not state.questions and not (place.tree / "ran.txt").exists()
        answers = [e for e in run.events if isinstance(e, PermissionAnswered)]
        assert [(e.option_id, e.by) for e in answers] == [(None, "cancel")]
        assert state.interrupted_turn is not None
        await run.viewer.resume()
        await run.until(lambda s: s.turns == 2)


async def test_who_sits_in_front_of_it_may_take_any_time(place: Place) -> None:
    record(place.session, WatchSet(watch=Watch(answer_minutes=0.0001)))
    looks: list[str] = []
    async with place.running(replace(place.duty(), shortage=lambda: looks.append("") or "")) as run:
        await run.viewer.prompt("[[script: run]]")
        state = await run.until_phase("needs-input")
        seen = len(looks)
        await until(lambda: len(looks) > seen + 3)
        option = next(o.option_id for o in state.questions[0].options if o.kind == "allow_once")
        await run.viewer.answer(state.questions[0].request_id, option)
        await run.until_phase("finished")
    assert (place.tree / "ran.txt").exists()


async def test_a_class_of_action_is_refused_and_the_turn_goes_on(place: Place) -> None:
    record(place.session, PolicySet(policy="accept-all", rules=Rules(deny=("run",))))
    async with place.running() as run:
        await run.viewer.prompt("[[script: run]]")
        await run.until_phase("finished")
        answers = [e for e in run.events if isinstance(e, PermissionAnswered)]
        assert [(e.option_id, e.by) for e in answers] == [("reject", "policy")]
    assert not (place.tree / "ran.txt").exists()


async def test_the_machines_own_rules_count_beside_the_sessions(place: Place) -> None:
    async with place.running(replace(place.duty(), rules=Rules(ask=("run",)))) as run:
        await run.viewer.set_policy("accept-all", Rules(deny=("network",)))
        await run.viewer.prompt("[[script: run]]")
        state = await run.until_phase("needs-input")
        await run.viewer.set_policy("accept-edits")
        assert (await run.until(lambda s: s.policy == "accept-edits")).rules == Rules(deny=("network",))
        option = next(o.option_id for o in state.questions[0].options if o.kind == "allow_once")
        await run.viewer.answer(state.questions[0].request_id, option)
        await run.until_phase("finished")
    assert (place.tree / "ran.txt").exists()
