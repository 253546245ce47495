"""What happened while the user was away, shown when they come back."""

import time

from agent.absence import sum_up
from agent.fold import advance
from agent.state import SessionState
from tests.agent.test_absence import EVENTS
from tests.tui.conftest import Stage
from tests.tui.doubles import PLACE, DoubleBackend
from tests.waiting import until
from tui.drawing.absence import draw_absence
from tui.timeline import TimelineScreen

BEGAN = time.time() - 3600
HISTORY = [event.model_copy(update={"seq": seq, "at": BEGAN + event.at * 60}) for seq, event in enumerate(EVENTS, 1)]


def test_it_is_told_in_a_few_lines_and_no_control_byte_gets_through() -> None:
    state = advance(SessionState(), HISTORY)
    bad = sum_up(state).model_copy(update={"verdicts": ("It ran \x1b[2J[b]x[/b] again.",)})
    rows = [row.plain for row in draw_absence(bad, bad.since + 3600, 80)]
    assert rows[0] == "While you were away, since 1 h ago"
    assert "1 turn, 5 tool calls, 1 of 2 steps of the plan done, 2 files touched, $0.75 " in rows[1]
    assert "✗ npm test" in rows and "✓ cd shop && pytest -q" in rows
    assert any("[b]x[/b]" in row for row in rows) and "\x1b" not in "".join(rows)
    assert draw_absence(sum_up(SessionState()), 0.0, 80) == []


async def test_it_opens_by_itself_at_a_run_that_nobody_looked_at_for_long(stage: Stage) -> None:
    backend = DoubleBackend(HISTORY, place=PLACE.model_copy(update={"host": "vm"}))
    async with stage(backend) as stand:
        await until(lambda: isinstance(stand.app.screen, TimelineScreen))
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.app.screen is stand.workspace)
        workspace = stand.workspace
        workspace._tick()  # pyright: ignore[reportPrivateUsage]
        assert stand.app.screen is workspace, "it is told once"


async def test_it_does_not_open_for_a_session_here(stage: Stage) -> None:
    async with stage(DoubleBackend(HISTORY)) as stand:
        for _ in range(3):
            stand.workspace._tick()  # pyright: ignore[reportPrivateUsage]
        assert stand.app.screen is stand.workspace
