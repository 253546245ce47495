"""Small screens: the host key question."""

import asyncio

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.backend import KeyQuestion
from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.keymap import bindings
from tui.lines_view import Lines


class HostKeyDialog(ModalScreen[None]):
    """First contact: the user compares the host's fingerprint. ``answer`` is a no if it goes without one."""

    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    HostKeyDialog { align: center middle; background: $background 60%; }
    HostKeyDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    """

    def __init__(self, question: KeyQuestion) -> None:
        """A question about one key."""
        super().__init__()
        self.question = question
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def compose(self) -> ComposeResult:
        """One block of lines."""
        with Vertical():
            yield Lines(self._draw, id="host-key")

    def _draw(self, width: int) -> list[Line]:
        asked = self.question
        out = [line(Span("? ", "warn"), Span("First contact with ", "strong"), span(asked.host, "accent")), BLANK]
        out += wrap([span(f"{asked.destination} shows this {asked.algorithm} key:")], width)
        out += [*wrap([span(asked.fingerprint, "strong")], width, first=line("  ")), BLANK]
        text = "Compare it with what the machine itself says (ssh-keygen -lf on its host key). "
        text += "If it differs, somebody is in between."
        out += [*wrap([Span(text, "muted")], width), BLANK]
        return [
            *out,
            line(
                Span("y", "key"),
                Span(" it is the same, pin it   ", "muted"),
                Span("n", "key"),
                Span(" do not connect", "muted"),
            ),
        ]

    def action_answer(self, yes: bool) -> None:
        """Answer."""
        self._settle(yes)
        self.dismiss()

    def on_unmount(self) -> None:
        """Another screen took its place."""
        self._settle(False)

    def _settle(self, yes: bool) -> None:
        if not self.answer.done():
            self.answer.set_result(yes)
