"""The detector of drift on labelled transcripts, and each rule at its boundary."""

import random

from agent.drift import Drift, follow
from agent.events import AnyEvent, Excused, Judged, WatchSet
from agent.fold import advance
from agent.state import SessionState
from agent.watch import Watch
from tests.agent import drift_traces as traces
from tests.agent.drift_traces import HONEST, LOOPS, ROOT, Trace, labelled


def judge(events: list[AnyEvent]) -> list[Judged]:
    drift, state = Drift(ROOT), SessionState()
    found: list[Judged] = []
    for event in events:
        state = advance(state, (event,))
        drift, verdicts = follow(drift, event, state)
        found += verdicts
    return found


def test_loops_are_paused() -> None:
    traces = list(labelled(LOOPS, 10))
    missed = [name for name, events in traces if not any(v.level == "pause" for v in judge(events))]
    assert len(traces) >= 100
    assert 1 - len(missed) / len(traces) >= 0.95, missed


def test_honest_work_is_never_paused() -> None:
    traces = list(labelled(HONEST, 5))
    paused = [(name, v.evidence) for name, events in traces for v in judge(events) if v.level == "pause"]
    assert len(traces) >= 30 and paused == []


def trace(watch: Watch) -> Trace:
    made = Trace(random.Random(7))
    made.begin()
    made.add(WatchSet(watch=watch))
    return made


def levels(made: Trace, rule: str) -> list[str]:
    return [verdict.level for verdict in judge(made.events) if verdict.rule == rule]


def test_going_in_circles_is_found_by_itself() -> None:
    made = trace(Watch(same_call=(0, 0)))
    traces.two_calls_in_turn(made)
    assert levels(made, "alternation") == ["nudge", "pause"]


def test_whoever_looks_at_new_things_without_progress_is_told_and_goes_on() -> None:
    made = trace(Watch())
    for number in range(60):
        made.read(f"lib/part_{number}.go")
        made.cost += 0.25
    assert levels(made, "no_progress") == ["nudge"]


def test_changes_outside_the_project_and_tests_that_are_lost() -> None:
    made = trace(Watch())
    for path in ("/tmp/scratch.py", f"{ROOT}/src/a.py", "/home/dev/.bashrc", "/home/dev/other/x.py", "/etc/hosts"):
        made.edit(path, made.fresh())
    assert levels(made, "outside") == ["nudge", "pause"]
    made = trace(Watch())
    made.edit("tests/test_cart.py", "", "def test_a():\n    pass\n" * 2)
    assert levels(made, "lost_tests") == []
    made.shell("git rm tests/test_order.py")
    assert levels(made, "lost_tests") == ["nudge"]


def test_what_was_fine_is_not_found_again() -> None:
    for fine in (Watch(fine=("same_call: git status",)), Watch()):
        made = trace(fine)
        if not fine.fine:
            made.add(Excused(rule="same_call", key="git status"))
        for _ in range(10):
            made.shell("git status", "nothing")
        assert levels(made, "same_call") == []
