"""One line that the user types into a box."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.keymap import bindings
from tui.lines_view import Lines


class LineDialog(ModalScreen[str]):
    """Asks for one line and is dismissed with it, with "" where the user gives none."""

    BINDINGS = bindings("line")
    DEFAULT_CSS = """
    LineDialog { align: center middle; background: $background 60%; }
    LineDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    LineDialog Input { height: 1; padding: 0 1; background: $c-raised; }
    """

    def __init__(self, question: str, example: str = "", *, secret: bool = False) -> None:
        """What is asked for; ``example`` stands in the empty field, a ``secret`` is typed without echo."""
        super().__init__()
        self._question, self._example, self._secret = question, example, secret

    def compose(self) -> ComposeResult:
        """The question, the field, the keys."""
        with Vertical():
            yield Lines(self._draw, id="line-question")
            yield Input(placeholder=self._example, password=self._secret, compact=True, id="line-text")
            yield Lines(lambda _: [BLANK, _foot()])

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    def _draw(self, width: int) -> list[Line]:
        return [*wrap([span(self._question, "strong")], width), BLANK]

    @on(Input.Submitted)
    def _given(self, message: Input.Submitted) -> None:
        self.dismiss(message.value.strip())

    def action_cancel(self) -> None:
        """Give none."""
        self.dismiss("")


def _foot() -> Line:
    return line(Span("Enter", "key"), Span(" take it   ", "muted"), Span("Esc", "key"), Span(" none", "muted"))
