"""What became of a run's notifications, over the whole screen."""

from collections.abc import Callable

from textual.app import ComposeResult

from agent.state import SessionState
from tui.drawing.deliveries import draw_deliveries
from tui.drawing.lines import BLANK, Line, Span, spread
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.stage import StageScreen

_AROUND = 4
"""Rows that are no delivery's: above and below, the title, a blank."""


class DeliveriesScreen(StageScreen[None]):
    """One row a delivery, newest first. Drawn anew each second."""

    BINDINGS = bindings("deliveries")
    DEFAULT_CSS = """
    DeliveriesScreen { background: $background; padding: 1 2; }
    """

    def __init__(self, look: Callable[[], SessionState]) -> None:
        """``look`` gives the state as of now."""
        super().__init__()
        self._look = look

    def compose(self) -> ComposeResult:
        """One page."""
        yield Lines(self._draw, id="deliveries")

    def on_mount(self) -> None:
        """Keep it up to date."""
        self.set_interval(1.0, self.query_one(Lines).redraw)

    def _draw(self, width: int) -> list[Line]:
        head = spread([Span("Deliveries", "heading")], [Span("Esc", "key"), Span(" back", "muted")], width)
        return [head, BLANK, *draw_deliveries(self._look().deliveries, width, self.size.height - _AROUND)]

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
