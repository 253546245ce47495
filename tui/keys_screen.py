"""The keys page: all keys, each can be changed in place; and what the terminal really sends."""

import time
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.events import Key as Pressed
from textual.reactive import reactive

from tui.commands import COMMANDS, draw_commands
from tui.drawing.lines import BLANK, Line, Span, line, span, spread, wrap
from tui.keymap import KEYS, Key, bindings, key_fault, written
from tui.lines_view import Lines, LinesView
from tui.stage import StageScreen

GIVE_UP_SECONDS = 10.0
"""How long a key is waited for."""


class KeyTable(LinesView, can_focus=True, inherit_bindings=False):
    """All keys by where they count, one of them marked; then the commands."""

    DEFAULT_CSS = """
    KeyTable { height: 1fr; }
    """

    keys: reactive[dict[str, str]] = reactive(dict[str, str])
    at: reactive[int] = reactive(0)

    def watch_keys(self) -> None:
        """Other keys."""
        self.redraw()

    def watch_at(self) -> None:
        """Keep the mark in sight."""
        self.redraw()
        row = next((i for i, each in enumerate(self.lines) if each.fill == "selected"), 0)
        if not self.scroll_offset.y <= row < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=row - self.size.height // 2, animate=False)

    @property
    def current(self) -> Key:
        """The marked one."""
        return KEYS[self.at]

    def draw(self, width: int) -> Sequence[Line]:
        """The tables."""
        out: list[Line] = []
        for i, key in enumerate(KEYS):
            if not i or key.where != KEYS[i - 1].where:
                out += [BLANK, line(Span(key.where.capitalize(), "strong"))]
            out += self._row(key, i == self.at, width)
        return [*out[1:], BLANK, line(Span("Commands", "strong")), *draw_commands(COMMANDS, width)]

    def _row(self, key: Key, marked: bool, width: int) -> list[Line]:
        names = " ".join(written(k) for k in self.keys.get(key.id, key.keys).split(","))
        changed = "*" if self.keys.get(key.id, key.keys) != key.keys else " "
        mark = Span("▸" if marked else " ", "accent")
        head = Line((mark, Span(f"{changed}{names:<21} ", "key"), Span(f"{key.name:<17}")))
        rows = wrap([Span(key.what, "muted")], width, first=head)
        return [row._replace(fill="selected") for row in rows] if marked else rows


class KeysScreen(StageScreen[None]):
    """All keys and commands, and what the terminal really sends."""

    BINDINGS = bindings("keys")
    part = "keys"
    DEFAULT_CSS = """
    KeysScreen { background: $background; padding: 1 2; }
    KeysScreen #keys-title { margin-bottom: 1; }
    KeysScreen #keys-pressed { margin-top: 1; }
    """

    def __init__(self) -> None:
        """A page on which no key was pressed yet."""
        super().__init__()
        self._told = Span("Press a key to see its name.", "muted")
        self._awaited: tuple[Key, bool, float] | None = None
        """Whose new key is waited for, whether it comes besides the old ones, and since when."""

    def compose(self) -> ComposeResult:
        """The table and what was pressed."""
        yield Lines(self._draw_title, id="keys-title")
        yield KeyTable(id="keys-table")
        yield Lines(lambda width: wrap([self._told], width)[:2], id="keys-pressed")

    def on_mount(self) -> None:
        """Keys as they are now."""
        table = self.query_one(KeyTable)
        table.keys = self.castoff.keys
        table.focus()

    def _draw_title(self, width: int) -> list[Line]:
        hints = (("Enter", "change"), ("a", "add another"), ("d", "as it was"), ("Esc", "back"))
        right = [piece for key, what in hints for piece in (Span(key, "key"), Span(f" {what}  ", "muted"))]
        return [spread([Span("Keys", "heading")], right, width)]

    def _tell(self, text: str, *, warn: bool = False) -> None:
        self._told = span(text, "warn" if warn else "muted")
        self.query_one("#keys-pressed", Lines).redraw()

    def see(self, event: Pressed) -> bool:
        """Say what came, before anything acts on it; whether it was awaited as a new key, and is used up by that."""
        awaited, self._awaited = self._awaited, None
        if awaited is None or time.monotonic() - awaited[2] > GIVE_UP_SECONDS:
            raw = f", character {event.character!r}" if event.character else ""
            self._tell(f"Your terminal sent: {event.key}{raw}")
            return False
        entry, besides, _ = awaited
        table = self.query_one(KeyTable)
        if event.key == "escape":
            self._tell("Nothing was changed.")
        elif fault := key_fault(table.keys, entry, event.key, printable=event.is_printable):
            self._tell(fault, warn=True)
        else:
            now = table.keys.get(entry.id, entry.keys).split(",") if besides else []
            self._change(entry, ",".join([*(k for k in now if k != event.key), event.key]))
        return True

    def _change(self, entry: Key, keys: str) -> None:
        self.castoff.change_key(entry.id, keys)
        self.query_one(KeyTable).keys = self.castoff.keys
        shown = self.castoff.keys.get(entry.id, entry.keys)
        self._tell(f"{entry.name}: {' '.join(written(k) for k in shown.split(','))}")

    def action_move(self, step: int) -> None:
        """Mark another key."""
        table = self.query_one(KeyTable)
        table.at = max(0, min(len(KEYS) - 1, table.at + step))

    def action_change(self, besides: bool) -> None:
        """Wait for the marked action's new key, instead of its keys or besides them."""
        entry = self.query_one(KeyTable).current
        self._awaited = entry, besides, time.monotonic()
        self._tell(f"Press the new key for “{entry.name}”. Esc leaves it as it is.", warn=True)

    def action_reset(self) -> None:
        """Give the marked action its own keys back."""
        entry = self.query_one(KeyTable).current
        self._change(entry, entry.keys)

    def action_back(self) -> None:
        """Close."""
        self.dismiss()
