"""A question with yes or no, over the screen: what it is about is listed, and what a yes means is said."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.keymap import bindings
from tui.lines_view import Lines

_LISTED = 8


class ConfirmDialog(ModalScreen[bool]):
    """Is dismissed with whether the user agrees."""

    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    ConfirmDialog { align: center middle; background: $background 60%; }
    ConfirmDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    """

    def __init__(self, question: str, listed: Sequence[str], means: str) -> None:
        """``listed`` has a line for each thing that it is about, none being fine."""
        super().__init__()
        self._question, self._listed, self._means = question, tuple(listed), means

    def compose(self) -> ComposeResult:
        """One block of lines."""
        with Vertical():
            yield Lines(self.draw, id="confirm")

    def draw(self, width: int) -> list[Line]:
        """The question, the list, what it means, the keys."""
        out = [*wrap([Span("? ", "warn"), span(self._question, "strong")], width), BLANK]
        out += [row for each in self._listed[:_LISTED] for row in wrap([span(each)], width, first=line("  "))[:1]]
        if len(self._listed) > _LISTED:
            out.append(line(Span(f"  and {len(self._listed) - _LISTED} more", "muted")))
        out += [*([BLANK] if self._listed else []), *wrap([span(self._means, "muted")], width), BLANK]
        return [*out, line(Span("y", "key"), Span(" do it   ", "muted"), Span("n", "key"), Span(" leave it", "muted"))]

    def action_answer(self, yes: bool) -> None:
        """Answer."""
        self.dismiss(yes)
