"""The search line below the transcript."""

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from tui.drawing.lines import Line, Span, line, span
from tui.keymap import bindings
from tui.lines_view import Lines


class FindBar(Horizontal):
    """Shown while the user searches: what for, and which match is marked."""

    BINDINGS = bindings("find")
    DEFAULT_CSS = """
    FindBar { height: 1; display: none; padding: 0 1; }
    FindBar.finding { display: block; }
    FindBar #find-sign { width: 6; height: 1; }
    FindBar #find-told { width: 26; height: 1; }
    FindBar Input { width: 1fr; height: 1; border: none; padding: 0; background: $background; color: $foreground; }
    """

    told: reactive[str] = reactive("")

    @dataclass
    class Wanted(Message):
        """Go to a match: the one nearest, above (-1) or below (1)."""

        text: str
        step: int

    @dataclass
    class Closed(Message):
        """The search is over."""

    def compose(self) -> ComposeResult:
        """Sign, input, result."""
        yield Lines(lambda width: [line(Span("find", "accent"))], id="find-sign")
        yield Input(id="find-text", compact=True)
        yield Lines(self._draw_told, id="find-told")

    def _draw_told(self, width: int) -> list[Line]:
        return [line(span(self.told, "muted"), Span("  ↑↓ Esc" if self.told else "", "muted"))]

    def watch_told(self) -> None:
        """Say it."""
        if self.is_mounted:
            self.query_one("#find-told", Lines).redraw()

    def begin(self, text: str) -> None:
        """Show the line, and look for ``text`` if there is one."""
        self.add_class("finding")
        field = self.query_one(Input)
        if text:
            field.value = text
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look while the user types."""
        event.stop()
        if self.has_class("finding"):
            self.post_message(self.Wanted(event.value, 0))

    def action_find(self, step: int) -> None:
        """Go to another match."""
        self.post_message(self.Wanted(self.query_one(Input).value, step))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the match above."""
        event.stop()
        self.action_find(-1)

    def action_close(self) -> None:
        """End the search."""
        self.remove_class("finding")
        self.query_one(Input).value = ""
        self.post_message(self.Closed())
