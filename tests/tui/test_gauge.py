"""The gauge of the budget, and money per hour: in words, in the status line and in the list of runs."""

import pytest

from agent.events import Budget
from agent.state import SessionState, Usage
from remote.run import Run
from tui.drawing.panes import Link, draw_status
from tui.drawing.runs import draw_run
from tui.drawing.words import gauge, rate


@pytest.mark.parametrize(
    ("percent", "text"),
    [
        (0, "░░░░ 0 %"),
        (49.9, "█░░░ 49 %"),
        (50, "██░░ 50 %"),
        (99.9, "███░ 99 %"),
        (100, "████ 100 %"),
        (130, "████ 130 %"),
    ],
)
def test_a_gauge_is_full_only_when_all_is_used(percent: float, text: str) -> None:
    assert gauge(percent, 4) == text


def test_an_unknown_rate_is_not_said() -> None:
    assert (rate(None), rate(1.2)) == ("", "$1.20/h")


def test_the_status_line_has_gauge_and_rate() -> None:
    state = SessionState(
        head_seq=9,
        at=4600.0,
        turn="p",
        budget=Budget(max_usd=2.0),
        budget_at=1000.0,
        usage=Usage(cost_usd=1.7),
    )
    status = draw_status(state, Link(), 4600.0, 120)
    assert "$1.70 of $2.00 · 0 turns · ██████░░ 85 % · $1.70/h" in status.plain
    assert next(span.role for span in status.spans if "85 %" in span.text) == "warn"


def test_a_run_in_the_list_has_gauge_and_rate() -> None:
    run = Run(
        run_id="k3v9",
        title="Fix",
        host="vm",
        agent="builtin",
        phase="paused",
        project="/home/dev/shop",
        epoch=2,
        head_seq=9,
        alive=True,
        cost_usd=2.0,
        budget=Budget(max_usd=2.0),
        used_percent=100.0,
        hourly_usd=0.5,
    )
    text = "\n".join(line.plain for line in draw_run(run, False, 0.0, 120))
    assert "$2.00 of $2.00 · $0.50/h" in text and "████████ 100 %" in text
    bare = run.model_copy(update={"used_percent": None, "hourly_usd": None})
    assert "%" not in "".join(line.plain for line in draw_run(bare, False, 0.0, 120))
