"""The passphrase of a private key, typed without echo."""

import asyncio

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.keymap import bindings
from tui.lines_view import Lines


class PassphraseDialog(ModalScreen[None]):
    """Asks for the passphrase of the key in the file ``key``. ``answer`` is "" if it goes without one."""

    BINDINGS = bindings("passphrase")
    DEFAULT_CSS = """
    PassphraseDialog { align: center middle; background: $background 60%; }
    PassphraseDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    PassphraseDialog Input { height: 1; padding: 0 1; background: $c-raised; }
    """

    def __init__(self, key: str) -> None:
        """A question about one key."""
        super().__init__()
        self.key = key
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def compose(self) -> ComposeResult:
        """The question, the field, the keys."""
        with Vertical():
            yield Lines(self._draw, id="passphrase-key")
            yield Input(password=True, compact=True, id="passphrase-text")
            yield Lines(lambda _: [BLANK, _foot()])

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    def _draw(self, width: int) -> list[Line]:
        return [*wrap([Span("Passphrase of ", "strong"), span(self.key, "accent")], width), BLANK]

    @on(Input.Submitted)
    def _given(self, message: Input.Submitted) -> None:
        self._settle(message.value)
        self.dismiss()

    def action_cancel(self) -> None:
        """Give none."""
        self._settle("")
        self.dismiss()

    def on_unmount(self) -> None:
        """Another screen took its place."""
        self._settle("")

    def _settle(self, text: str) -> None:
        if not self.answer.done():
            self.answer.set_result(text)


def _foot() -> Line:
    return line(Span("Enter", "key"), Span(" use it, now only   ", "muted"), Span("Esc", "key"), Span(" none", "muted"))
