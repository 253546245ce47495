"""The timeline of a run, over the whole screen."""

from collections.abc import Callable

from textual.app import ComposeResult

from agent.absence import sum_up
from agent.state import SessionState
from tui.drawing.absence import draw_absence
from tui.drawing.lines import BLANK, Line, Span, spread, wrap
from tui.drawing.timeline import draw_timeline
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.stage import StageScreen

_EMPTY = "Nothing has happened yet."
_LEGEND = "stops: ! the watch said something, ‖ the watch paused the run, ▮ a gate did"


class TimelineScreen(StageScreen[None]):
    """What happened since a human was last there; turns, tool calls, money and stops over time. Drawn anew each
    second."""

    BINDINGS = bindings("timeline")
    DEFAULT_CSS = """
    TimelineScreen { background: $background; padding: 1 2; }
    """

    def __init__(self, look: Callable[[], tuple[SessionState, float]]) -> None:
        """``look`` gives the state as of now, and the Unix time on its runner's clock."""
        super().__init__()
        self._look = look

    def compose(self) -> ComposeResult:
        """One page."""
        yield Lines(self._draw, id="timeline")

    def on_mount(self) -> None:
        """Keep it up to date."""
        self.set_interval(1.0, self.query_one(Lines).redraw)

    def _draw(self, width: int) -> list[Line]:
        state, now = self._look()
        head = spread([Span("Timeline", "heading")], [Span("Esc", "key"), Span(" back", "muted")], width)
        plot = draw_timeline(state, now, width) or wrap([Span(_EMPTY, "muted")], width)
        legend = wrap([Span(_LEGEND, "muted")], width) if state.verdicts else []
        away = draw_absence(sum_up(state), now, width)
        return [head, BLANK, *away, *plot, BLANK, *legend]

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
