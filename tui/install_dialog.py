"""The question whether an agent is to be installed on this machine."""

import asyncio

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.keymap import bindings
from tui.lines_view import Lines


class InstallDialog(ModalScreen[None]):
    """Says what it takes, and asks. ``answer`` is a no if the dialog goes without one."""

    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    InstallDialog { align: center middle; background: $background 60%; }
    InstallDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    """

    def __init__(self, agent: str, offer: str) -> None:
        """A question about one agent; ``offer`` is what it takes, as a sentence."""
        super().__init__()
        self._agent, self._offer = agent, offer
        self.answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def compose(self) -> ComposeResult:
        """One block of lines."""
        with Vertical():
            yield Lines(self._draw, id="install")

    def _draw(self, width: int) -> list[Line]:
        head = line(Span("? ", "warn"), span(self._agent, "accent"), Span(" is not installed here. Now?", "strong"))
        keys = (("y", "install it"), ("n", "leave it"))
        foot = line(*[each for key, what in keys for each in (Span(key, "key"), Span(f" {what}   ", "muted"))])
        return [head, BLANK, *wrap([span(self._offer)], width), BLANK, foot]

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
