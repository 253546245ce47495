"""The composer: a text area that submits on Enter and remembers what was said."""

from dataclasses import dataclass

from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea

from tui.keymap import bindings

_HISTORY = 200


class Composer(TextArea):
    """Enter submits, Ctrl+J begins a new line; up and down at the edges go through the history."""

    BINDINGS = bindings("composer")
    DEFAULT_CSS = """
    Composer {
        height: auto; max-height: 12; min-height: 1; border: none; padding: 0; background: $background;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .text-area--cursor-line { background: $background; }
        & .text-area--placeholder { color: $c-muted; }
        &:ansi .text-area--placeholder { text-style: dim; }
    }
    """

    @dataclass
    class Submitted(Message):
        """The user sent ``text``."""

        text: str

    @dataclass
    class Completing(Message):
        """The user asks to complete the command begun."""

        text: str

    def __init__(self, *, id: str | None = None) -> None:
        """An empty composer."""
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, highlight_cursor_line=False
        )
        self._history: list[str] = []
        self._at = 0
        self._draft = ""

    async def _on_key(self, event: Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.submit()
        elif event.key == "tab" and self.text.startswith("/") and " " not in self.text:
            event.stop()
            event.prevent_default()
            self.post_message(self.Completing(self.text))
        elif (event.key == "up" and self.cursor_at_first_line) or (event.key == "down" and self.cursor_at_last_line):
            if self._recall(-1 if event.key == "up" else 1):
                event.stop()
                event.prevent_default()
        else:
            await super()._on_key(event)

    def action_newline(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    def submit(self) -> None:
        """Send the draft, if there is one."""
        text = self.text.strip()
        if not text:
            return
        self.load_text("")
        if not self._history or self._history[-1] != text:
            self._history = [*self._history, text][-_HISTORY:]
        self._at = len(self._history)
        self._draft = ""
        self.post_message(self.Submitted(text))

    def replace_draft(self, text: str) -> None:
        """Put ``text`` into the composer, the cursor at its end."""
        self.load_text(text)
        self.move_cursor(self.document.end)

    def _recall(self, step: int) -> bool:
        """Go through the history; past its end is the draft that was being written."""
        target = self._at + step
        if not 0 <= target <= len(self._history):
            return False
        if self._at == len(self._history):
            self._draft = self.text
        self._at = target
        self.replace_draft(self._draft if target == len(self._history) else self._history[target])
        return True
