"""What became of a run's notifications, on a screen."""

import pytest

from agent.events import Notified
from agent.fold import advance
from agent.state import SessionState
from tests.tui import recorded
from tests.tui.conftest import Stage
from tests.tui.doubles import DoubleBackend
from tui.composer import Composer
from tui.deliveries import DeliveriesScreen
from tui.drawing.deliveries import draw_deliveries


def told(number: int, **changes: object) -> Notified:
    event = Notified(notification_id=f"r-{number}", about="finished", channel="ntfy://h (ab12cd)", ok=True)
    return event.model_copy(update={"seq": number, "at": 1_000_000.0 + number, **changes})


def test_a_delivery_says_what_became_of_it_and_no_control_byte_gets_through() -> None:
    bad = told(2, ok=False, about="needs-input", detail="It \x1b[2J refused [b]it[/b].")
    newest, first = [row.plain for row in draw_deliveries((told(1), bad), 100, 20)]
    assert "✗ failed needs-input    ntfy://h (ab12cd)" in newest and "[b]it[/b]" in newest and "\x1b" not in newest
    assert "✓ sent   finished       ntfy://h (ab12cd)" in first
    narrow = [row.plain for row in draw_deliveries((bad,), 60, 20)]
    assert len(narrow) == 2 and "refused" not in narrow[0] and "refused" in narrow[1]
    assert "castoff notify add" in draw_deliveries((), 80, 20)[0].plain


@pytest.mark.parametrize("height", [3, 8])
def test_what_does_not_fit_is_counted(height: int) -> None:
    rows = draw_deliveries(tuple(told(n, channel="x" * 300) for n in range(1, 31)), 60, height)
    assert len(rows) == height and max(row.width for row in rows) <= 60
    assert rows[-1].plain == f"… and {31 - height} before: castoff notify log"


def test_the_deliveries_that_are_kept_stay_few() -> None:
    state = advance(SessionState(), [told(n) for n in range(1, 301)])
    assert [event.seq for event in state.deliveries] == list(range(201, 301))


async def test_it_opens_by_its_command(stage: Stage) -> None:
    async with stage(DoubleBackend(recorded.working())) as stand:
        stand.workspace.query_one(Composer).focus()
        await stand.type("/deliveries")
        await stand.pilot.press("enter")
        await stand.wait(lambda: isinstance(stand.app.screen, DeliveriesScreen))
        await stand.pilot.press("escape")
        await stand.wait(lambda: stand.app.screen is stand.workspace)
