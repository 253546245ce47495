"""A run as its tmux pane shows it."""

import pytest

from agent.events import AnyEvent, PhaseChanged, Prompted, TurnEnded, TurnStarted
from agent.fold import advance
from agent.state import SessionState
from remote.pane import print_event

WHY = "No model is chosen."


def test_why_a_turn_failed_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    events: tuple[AnyEvent, ...] = (
        Prompted(seq=1, prompt_id="p1", text="Build a boat"),
        TurnStarted(seq=2, prompt_id="p1"),
        TurnEnded(seq=3, prompt_id="p1", stop_reason="error", detail=WHY),
        PhaseChanged(seq=4, phase="failed", detail=WHY),
        PhaseChanged(seq=5, phase="failed", detail="The agent is not installed."),
    )
    state = SessionState()
    for event in events:
        state = advance(state, (event,))
        print_event(event, state)
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "prompt: Build a boat",
        f"turn ended: error {WHY}",
        "-- failed",
        "-- failed The agent is not installed.",
    ]
