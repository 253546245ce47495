"""The timeline: what happened when, in as many columns as there is room for."""

import pytest

from agent.events import AnyEvent, Judged, Prompted, ToolCalled, TurnEnded, TurnStarted, Used
from agent.fold import advance
from agent.state import SessionState
from tests.tui import recorded
from tests.tui.conftest import Stage
from tests.tui.doubles import DoubleBackend
from tui.composer import Composer
from tui.drawing.timeline import draw_timeline
from tui.timeline import TimelineScreen

START = 1_000_000.0


def run() -> SessionState:
    events: list[AnyEvent] = [
        Prompted(prompt_id="p", text="Go", at=START),
        TurnStarted(prompt_id="p", at=START),
        ToolCalled(call_id="a", status="completed", at=START),
        Used(cost_usd=0.5, at=START + 1),
        ToolCalled(call_id="b", status="completed", at=START + 50),
        ToolCalled(call_id="c", status="completed", at=START + 51),
        Judged(rule="same_call", level="nudge", evidence="Again.", at=START + 60),
        Used(cost_usd=2.0, at=START + 99),
        Judged(rule="touching", level="pause", evidence="There.", at=START + 99),
        TurnEnded(prompt_id="p", stop_reason="watch", at=START + 99),
    ]
    return advance(SessionState(), [event.model_copy(update={"seq": seq}) for seq, event in enumerate(events, 1)])


def test_each_thing_is_where_it_happened() -> None:
    turns, tools, cost, stops, ends = [row.plain for row in draw_timeline(run(), START + 100, 36)]
    assert turns == "turns   █           1 turn"
    assert tools == "tools   ▄    █      3 calls"
    assert cost == "cost    ▂▂▂▂▂▂▂▂▂█  $2.00"
    assert stops == "stops         !  ▮  2 findings"
    assert ends.endswith("1:40 min")


def test_before_the_first_prompt_there_is_none() -> None:
    assert draw_timeline(SessionState(), START, 80) == []


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_it_fits(width: int) -> None:
    assert max(row.width for row in draw_timeline(run(), START + 1e6, width)) <= max(width, 36)


def test_the_costs_that_are_kept_stay_few_and_end_with_the_last() -> None:
    words = [Used(cost_usd=n / 100, at=START + n, seq=n) for n in range(1, 5001)]
    costs = advance(SessionState(), words).costs
    assert len(costs) < 400 and costs[-1] == (START + 5000, 50.0)
    assert list(costs) == sorted(costs)
    one_by_one = SessionState()
    for word in words[:900]:
        one_by_one = advance(one_by_one, (word,))
    assert one_by_one.costs == advance(SessionState(), words[:900]).costs


async def test_it_opens_by_its_command(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).focus()
        await stand.type("/timeline")
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, TimelineScreen))
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.app.screen is stand.workspace)
