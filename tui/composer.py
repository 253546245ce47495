"""The composer: a text area that submits on Enter, completes words, folds big pastes and remembers what was said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea

from tui.completion import Offer, word_at
from tui.drafts import Draft
from tui.keymap import bindings

_HISTORY = 200


def _nothing(*_: object) -> list[Offer]:
    return []


def _nobody() -> list[str]:
    return []


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
    class MenuChanged(Message):
        """What the word at the cursor may become, or what is marked of that, has changed."""

    @dataclass
    class TakingBack(Message):
        """The user wants back what waits in the queue."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty composer."""
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, highlight_cursor_line=False
        )
        self.find: Callable[[str], list[Offer]] = _nothing
        """What a word may become."""
        self.earlier: Callable[[], Sequence[str]] = _nobody
        """What the session's prompts were so far, oldest first."""
        self.waits: Callable[[], bool] = lambda: False
        """Whether a prompt of the user's waits in the queue."""
        self.marked = 0
        self._word = ""
        self._offers: list[Offer] = []
        self._went = False
        self._shut = ""
        self._said: list[str] = []
        self._history: list[str] = []
        self._at = 0
        self._kept = Draft()
        self._before = Draft()

    # The draft

    @property
    def draft(self) -> Draft:
        """What is being written, with what is folded in it."""
        pastes = {mark: pasted for mark, pasted in self._kept.pastes.items() if mark in self.text}
        return Draft(text=self.text, pastes=pastes)

    def replace_draft(self, text: str | Draft) -> None:
        """Put a text into the composer, the cursor at its end."""
        draft = text if isinstance(text, Draft) else Draft(text=text)
        self._kept = draft
        self.load_text(draft.text)
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        self._kept, text = self.draft.fold(event.text)
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    def submit(self) -> None:
        """Send the draft, if there is one."""
        text = self.draft.whole.strip()
        if not text:
            return
        self.replace_draft("")
        if not self._said or self._said[-1] != text:
            self._said = [*self._said, text][-_HISTORY:]
        self._history, self._at = [], 0
        self.post_message(self.Submitted(text))

    # Keys

    async def _on_key(self, event: Key) -> None:
        if self._take_key(event.key):
            event.stop()
            event.prevent_default()
        else:
            await super()._on_key(event)

    def _take_key(self, key: str) -> bool:
        """Do what a key means here; whether it means anything but typing."""
        offers = self.offers()
        match key:
            case "enter" if offers and self._went:
                self._complete(offers)
            case "enter":
                self.submit()
            case "tab" if offers:
                self._complete(offers)
            case "escape" if offers:
                self._shut = self._word
                self.post_message(self.MenuChanged())
            case "up" | "down" if offers and self.cursor_at_first_line and self.cursor_at_last_line:
                self.marked = (self.marked + (1 if key == "down" else -1)) % len(offers)
                self._went = True
                self.post_message(self.MenuChanged())
            case "up" if not self.text and self.waits():
                self.post_message(self.TakingBack())
            case "up" if self.cursor_at_first_line:
                return self._recall(-1)
            case "down" if self.cursor_at_last_line:
                return self._recall(1)
            case _:
                return False
        return True

    def action_newline(self) -> None:
        """Begin a new line."""
        self.insert("\n")

    # Completing

    def offers(self) -> list[Offer]:
        """What the word at the cursor may become now."""
        _, word = word_at(self.text, self._cursor)
        if word != self._word:
            self._word, self._offers = word, self.find(word) if word else []
            self.marked, self._went, self._shut = 0, False, ""
        return [] if self._shut else self._offers

    def look_again(self) -> None:
        """There is more to offer than there was."""
        self._word = ""
        self.post_message(self.MenuChanged())

    @property
    def _cursor(self) -> int:
        row, column = self.cursor_location
        return sum(len(self.document.get_line(number)) + 1 for number in range(row)) + column

    def _complete(self, offers: list[Offer]) -> None:
        _, word = word_at(self.text, self._cursor)
        row, column = self.cursor_location
        self.replace(offers[self.marked].text, (row, column - len(word)), (row, column))

    # History

    def _recall(self, step: int) -> bool:
        """Go through the history; past its end is the draft that was being written."""
        if not self._history:
            known = list(self.earlier())
            self._history = [*known, *(text for text in self._said if text not in set(known))][-_HISTORY:]
            self._at = len(self._history)
        target = self._at + step
        if not 0 <= target <= len(self._history):
            return False
        if self._at == len(self._history):
            self._before = self.draft
        self._at = target
        self.replace_draft(self._before if target == len(self._history) else self._history[target])
        return True
