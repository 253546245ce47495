"""The detector of drift on labelled transcripts, and each rule at its boundary."""

from agent.drift import Drift, follow
from agent.events import AnyEvent, Judged
from agent.fold import advance
from agent.state import SessionState
from tests.agent.drift_traces import HONEST, LOOPS, ROOT, labelled


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
