"""A list to choose from, over the screen: type to narrow it, arrows mark, Enter takes. What is marked can be tried."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key
from textual.reactive import reactive
from textual.screen import ModalScreen

from tui.drawing.lines import BLANK, Line, Span, pad, span, spread, wrap
from tui.keymap import bindings
from tui.lines_view import Lines, LinesView


class Choice(NamedTuple):
    """One row: what is handed back, and what is shown of it."""

    value: str
    label: str
    detail: str = ""


def narrowed(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """Those that hold every word typed, in any case of letters."""
    words = typed.casefold().split()
    return [c for c in choices if all(w in f"{c.label} {c.detail}".casefold() for w in words)]


class ChoiceList(LinesView):
    """The rows, one of them marked."""

    can_focus = False
    DEFAULT_CSS = """
    ChoiceList { height: auto; max-height: 1fr; }
    """

    rows: reactive[tuple[Choice, ...]] = reactive(())
    at: reactive[int] = reactive(0)

    def watch_rows(self) -> None:
        """Other rows."""
        self.redraw()
        self.refresh(layout=True)

    def watch_at(self) -> None:
        """Keep the mark in sight."""
        self.redraw()
        if not self.scroll_offset.y <= self.at < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=self.at - self.size.height // 2, animate=False)

    def draw(self, width: int) -> Sequence[Line]:
        """A line a row."""
        room = max((cell_len(c.label) for c in self.rows), default=0)
        return [self._row(c, i == self.at, min(room, width // 2), width) for i, c in enumerate(self.rows)] or [
            Line((Span("Nothing is called so.", "muted"),))
        ]

    def _row(self, choice: Choice, marked: bool, room: int, width: int) -> Line:
        mark, role = ("▸ ", "selected") if marked else ("  ", "text")
        head = [Span(mark, "accent"), Span(pad(choice.label, room), role), Span("  ")]
        return wrap([*head, span(choice.detail, "muted")], width)[0]._replace(fill="selected" if marked else None)


class Chooser(ModalScreen[str]):
    """Ends with the value that was taken, or with nothing."""

    BINDINGS = bindings("chooser")
    DEFAULT_CSS = """
    Chooser { align: center bottom; background: transparent; }
    Chooser > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 60%; padding: 1 2; background: $background;
        border: round $c-accent;
    }
    """

    def __init__(
        self, title: str, choices: Sequence[Choice], *, marked: str = "", tried: Callable[[str], object] | None = None
    ) -> None:
        """A list called ``title``, begun at the value ``marked``; ``tried`` is called with each that gets marked."""
        super().__init__()
        self._title = title
        self._choices = tuple(c._replace(label=span(c.label).text, detail=span(c.detail).text) for c in choices)
        self._marked = marked
        self._tried = tried
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Title, rows, what was typed."""
        with Vertical():
            yield Lines(self._draw_title, id="chooser-title")
            yield ChoiceList(id="chooser-rows")
            yield Lines(self._draw_foot, id="chooser-foot")

    def on_mount(self) -> None:
        """Begin at the marked one."""
        rows = self.query_one(ChoiceList)
        rows.rows = self._choices
        rows.at = next((i for i, c in enumerate(self._choices) if c.value == self._marked), 0)

    def on_key(self, event: Key) -> None:
        """Letters narrow the list."""
        if event.key == "backspace":
            self._narrow(self._typed[:-1])
        elif event.character and event.character.isprintable():
            self._narrow(self._typed + event.character)
        else:
            return
        event.stop()

    def _narrow(self, typed: str) -> None:
        self._typed = typed
        rows = self.query_one(ChoiceList)
        rows.rows = tuple(narrowed(self._choices, typed))
        rows.at = 0
        self._try()
        self.query_one("#chooser-foot", Lines).redraw()

    def _try(self) -> None:
        rows = self.query_one(ChoiceList)
        if self._tried is not None and rows.rows:
            self._tried(rows.rows[rows.at].value)

    def _draw_title(self, width: int) -> list[Line]:
        right = [Span("↑↓", "key"), Span(" mark  ", "muted"), Span("Enter", "key"), Span(" take  ", "muted")]
        right += [Span("Esc", "key"), Span(" back", "muted")]
        return [spread([span(self._title, "heading")], right, width), BLANK]

    def _draw_foot(self, width: int) -> list[Line]:
        return [BLANK, *wrap([Span("Type to narrow: ", "muted"), span(self._typed, "accent")], width)[:1]]

    def action_move(self, step: int) -> None:
        """Mark another row."""
        rows = self.query_one(ChoiceList)
        if rows.rows:
            rows.at = (rows.at + step) % len(rows.rows)
            self._try()

    def action_take(self) -> None:
        """Take the marked row."""
        rows = self.query_one(ChoiceList)
        if rows.rows:
            self.dismiss(rows.rows[rows.at].value)

    def action_back(self) -> None:
        """Take none."""
        self.dismiss("")
