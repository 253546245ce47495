"""Jump mode: each part of a screen shows a letter; the letter goes there."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.events import Key
from textual.geometry import Offset
from textual.screen import ModalScreen

from tui.drawing.lines import Line, line, span
from tui.keymap import bindings
from tui.lines_view import LineMaker, Lines

LETTERS = "asdfjklghwertuiopzxcvbnm"


class Target(NamedTuple):
    """Somewhere to go: its name, where its letter stands on the screen, and how one goes there."""

    name: str
    at: Offset
    go: Callable[[], object]


class JumpScreen(ModalScreen[Target | None]):
    """Letters over the screen below; ends with the target whose letter was pressed, or with none at any other key."""

    BINDINGS = bindings("jump")
    DEFAULT_CSS = """
    JumpScreen { layout: vertical; }
    JumpScreen Lines { position: absolute; height: 1; background: $c-accent; color: $background; }
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        """Letters for ``targets``, as many as there are letters."""
        super().__init__()
        self.targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        """A letter and a name for each."""
        for letter, target in self.targets.items():
            label = Lines(_label(letter, target.name), classes="jump")
            label.styles.width = len(target.name) + 4
            label.styles.offset = (target.at.x, target.at.y)
            yield label

    def on_key(self, event: Key) -> None:
        """Any key ends it."""
        if event.key != "escape":
            event.stop()
            self.dismiss(self.targets.get(event.key))

    def action_back(self) -> None:
        """Go nowhere."""
        self.dismiss(None)


def _label(letter: str, name: str) -> LineMaker:
    return lambda width: [_row(letter, name)]


def _row(letter: str, name: str) -> Line:
    return line(span(f" {letter} ", "warn"), span(f"{name} "), fill="selected")
