"""The transcript: blocks as data in one widget, drawn once they come into view; only what changed is drawn again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip

from agent.blocks import AnyBlock, SetupBlock, ToolBlock
from agent.state import SessionState
from tui.drawing.blocks import Look, draw_block, gap_before, is_foldable
from tui.drawing.lines import BLANK, Line, cut, line, span
from tui.drawing.welcome import draw_welcome
from tui.keymap import bindings
from tui.lines_view import LinesView
from tui.places import NAMES, Kind, find_kind, find_text, text_of
from tui.stack import Stack

SETTLE_SECONDS = 0.02
"""How often heights that were guessed are made good, `SETTLE_COUNT` at a time: a fraction of a frame."""
SETTLE_COUNT = 40
SETTLE_BATCH = 4000
RECENT = 200
"""Of how many last blocks those that run are looked for, each second."""


class Transcript(LinesView, can_focus=True):
    """Follows the end while it is in view; scrolled up, it stays where it is and says how much came below."""

    BINDINGS = bindings("transcript")
    GUTTER: ClassVar[int] = 1
    DEFAULT_CSS = """
    Transcript { height: 1fr; width: 1fr; padding: 0 1 0 0; scrollbar-gutter: stable; }
    """

    state: reactive[SessionState] = reactive(SessionState, always_update=True)
    details: reactive[bool] = reactive(False)
    following: reactive[bool] = reactive(True)
    marked: reactive[int | None] = reactive(None)
    """The place of the block that keys act on."""

    @dataclass
    class Followed(Message):
        """The view began or ceased to follow the end; ``below`` counts lines that are not in view."""

        following: bool
        below: int

    @dataclass
    class Copied(Message):
        """The user wants ``text`` in the clipboard."""

        text: str

    @dataclass
    class Missed(Message):
        """There is no such place that way."""

        sentence: str

    def __init__(self, *, id: str | None = None) -> None:
        """An empty transcript."""
        super().__init__(id=id)
        self._stack = Stack(self._draw_one)
        self._look = (0, False)
        self._toggled: set[int] = set()
        self._found: list[int] = []
        self.needle = ""
        """What was searched for last."""
        self._heard = time.monotonic()
        self.project = ""
        """The directory that an empty transcript names."""
        self.attaching = ""
        """What an empty transcript says instead of the welcome, while nothing has come of a session that exists."""

    @property
    def drawn(self) -> int:
        """Blocks drawn so far, for tests: appending one draws one."""
        return self._stack.drawn

    @property
    def is_behind(self) -> bool:
        """Whether the height of any block is still a guess."""
        return self._stack.is_guessed

    @property
    def plain(self) -> str:
        """The text shown, all of it."""
        self._stack.settle_all()
        return super().plain

    def on_mount(self) -> None:
        """Running calls show how long they run; heights are made good by and by."""
        self.set_interval(1.0, self._tick)
        self._settler = self.set_interval(SETTLE_SECONDS, self._settle_some, pause=True)

    def watch_state(self, state: SessionState) -> None:
        """Show the new state."""
        self._heard = time.monotonic()
        self.redraw()

    def watch_details(self) -> None:
        """Draw with or without details."""
        self._toggled.clear()
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The welcome, or the blocks' lines; blocks that are as they were keep theirs."""
        if not self.state.blocks:
            self._stack.show(())
            if self.attaching and not self.state.head_seq:
                return (BLANK, cut(line(span(self.attaching, "muted")), width))
            return draw_welcome(self.project, width)
        if self._look != (width, self.details):
            self._look = (width, self.details)
            self._stack.forget()
        self._stack.show(self.state.blocks)
        return self._stack

    def redraw(self) -> None:
        """Draw again; the view stays at the end if it follows, else at the block that is at its top."""
        anchor = self._anchor()
        super().redraw()
        self._rows_moved(anchor)

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self.marked = None
        self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling away from the end stops following, coming back begins it."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self._below() > 0:
            self.following = False
        elif self._below() <= 0:
            self.following = True
        self._settle_view()
        self.post_message(self.Followed(self.following, self._below()))

    # Rows

    def _below(self) -> int:
        return max(0, len(self._lines) - round(self.scroll_y) - self._height)

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def _anchor(self) -> tuple[int, int] | None:
        """A block in view, and how far below the view's top it begins; best one whose height is known."""
        if self._lines is not self._stack or not len(self._stack):
            return None
        top = round(self.scroll_y)
        first, last = self._stack.place_at(top), self._stack.place_at(top + self._height - 1)
        place = next((p for p in range(first, last + 1) if self._stack.is_exact(p)), first)
        return place, self._stack.start_of(place) - top

    def _rows_moved(self, anchor: tuple[int, int] | None) -> None:
        """Rows are others now: show the same as before, or the end."""
        if self._lines is self._stack:
            self.virtual_size = Size(self.text_width, len(self._stack))
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)
        elif anchor is not None and self._lines is self._stack:
            row = self._stack.start_of(min(anchor[0], len(self._stack.blocks))) - anchor[1]
            if row != round(self.scroll_y):
                self.scroll_to(y=row, animate=False, immediate=True, force=True)
            self.post_message(self.Followed(False, self._below()))
        self._settle_view()
        if self.is_mounted and self._stack.is_guessed:
            self._settler.resume()

    def _settle_view(self) -> None:
        """Know the heights of what is in view, and of a screen above and below it."""
        if self._lines is not self._stack or not self._stack.is_guessed or not self._height:
            return
        anchor = self._anchor()
        top = round(self.scroll_y)
        first, last = self._stack.place_at(max(0, top - self._height)), self._stack.place_at(top + 2 * self._height)
        if self._stack.settle(range(first, last + 1)):
            self._rows_moved(anchor)
            self.refresh()

    def _settle_some(self) -> None:
        anchor = self._anchor()
        if self._stack.settle_some(SETTLE_COUNT, SETTLE_BATCH):
            self._rows_moved(anchor)
        if not self._stack.is_guessed:
            self._settler.pause()

    # Drawing

    def _now(self) -> float:
        """Unix time on the runner's clock, as far as this side can know it."""
        return self.state.at + (time.monotonic() - self._heard)

    def _draw_one(self, previous: AnyBlock | None, block: AnyBlock) -> list[Line]:
        whole = self.details is not (block.seq in self._toggled)
        lines = draw_block(block, Look(self._look[0], whole, self._now()))
        return [BLANK] * gap_before(previous, block) + lines if lines else []

    def _tick(self) -> None:
        blocks = self._stack.blocks
        running = [p for p in range(max(0, len(blocks) - RECENT), len(blocks)) if _runs(blocks[p])]
        if running:
            anchor = self._anchor()
            self._stack.redraw(running)
            self._rows_moved(anchor)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One visible row, the marked block's with a bar beside it."""
        strip = super().render_line(y)
        row = self.scroll_offset.y + y
        is_text = self._lines is self._stack and row < len(self._stack)
        if is_text and self.needle:
            strip = self._with_found(strip, self._stack[row].plain)
        at_mark = is_text and self.marked is not None and self._stack.place_at(row) == self.marked
        bar = at_mark and bool(self._stack[row].spans)
        return Strip.join([Strip([Segment("▌" if bar else " ", self.style_of("accent"))], 1), strip])

    def _with_found(self, strip: Strip, plain: str) -> Strip:
        """The row with what was searched for reversed."""
        from rich.cells import cell_len
        from rich.style import Style

        wanted, text, at = self.needle.casefold(), plain.casefold(), 0
        if len(text) != len(plain):
            return strip
        while (at := text.find(wanted, at)) >= 0:
            start = cell_len(plain[:at])
            end = start + cell_len(plain[at : at + len(wanted)])
            found = strip.crop(start, end).apply_style(Style(reverse=True))
            strip = Strip.join([strip.crop(0, start), found, strip.crop(end, strip.cell_length)])
            at += len(wanted)
        return strip

    # Places

    def watch_marked(self) -> None:
        """Paint the bar."""
        self.refresh()

    def _place(self) -> int:
        """The marked block's place, or the one at the view's top, or where it follows, the one after the last."""
        if self.marked is not None:
            return self.marked
        return len(self._stack.blocks) if self.following else self._stack.place_at(round(self.scroll_y))

    def show_place(self, place: int) -> None:
        """Mark a block and bring it into view."""
        if not 0 <= place < len(self._stack.blocks):
            return
        self.marked = place
        self.following = False
        self._stack.settle([place])
        self._rows_moved(None)
        for _ in range(2):
            # What is near it is drawn on arrival, which can move it.
            row = self._stack.start_of(place)
            self.scroll_to(y=max(0, row - self._height // 4), animate=False, immediate=True, force=True)
        self.refresh()

    def action_jump(self, kind: Kind, step: int) -> None:
        """Go to the next place of a kind, or the one before."""
        place = find_kind(self._stack.blocks, kind, self._place(), step)
        if place is None:
            self.post_message(self.Missed(f"There is no {NAMES[kind]} {'below' if step > 0 else 'above'}."))
        else:
            self.show_place(place)

    def action_fold(self) -> None:
        """Show all of the marked block, or only the most important."""
        place = self._place()
        if 0 <= place < len(self._stack.blocks):
            self._fold(place)

    def _fold(self, place: int) -> None:
        block = self._stack.blocks[place]
        self._toggled ^= {block.seq}
        anchor = self._anchor()
        self._stack.redraw([place])
        self._rows_moved(anchor)
        self.refresh()

    def on_click(self, event: Click) -> None:
        """A click on a block's first line folds it."""
        row = self.scroll_offset.y + event.y - self.gutter.top
        if self._lines is not self._stack or not 0 <= row < len(self._stack) or self.text_selection is not None:
            return
        place = self._stack.place_at(row)
        head = next((i for i, found in enumerate(self._stack.lines_of(place)) if found.spans), 0)
        if row == self._stack.start_of(place) + head and is_foldable(self._stack.blocks[place]):
            self._fold(place)

    def search(self, text: str, step: int = -1) -> str:
        """Go to the nearest block with ``text``, upwards or down; says which of how many it is."""
        if text != self.needle or step == 0:
            self.needle = text
            self._found = find_text(self._stack.blocks, text)
        self.refresh()
        if not self._found:
            return "not found" if text else ""
        here = self._place()
        beyond = [p for p in self._found if (p - here) * step > 0] if step else [p for p in self._found if p <= here]
        place = (beyond or self._found)[0 if step > 0 else -1]
        self._unfold_for(place)
        self.show_place(place)
        return f"{self._found.index(place) + 1} of {len(self._found)}"

    def _unfold_for(self, place: int) -> None:
        """Show all of a block whose match is in what is folded away."""
        block = self._stack.blocks[place]
        shown = "\n".join(row.plain for row in self._stack.lines_of(place)).casefold()
        if self.needle.casefold() not in shown and not self.details and block.seq not in self._toggled:
            self._fold(place)

    def action_find_again(self, step: int) -> None:
        """Go to the next match, or the one before."""
        if self.needle:
            self.post_message(self.Missed(self.search(self.needle, step)))

    # Copying

    def action_copy_block(self) -> None:
        """Copy the marked block's source."""
        place = min(self._place(), len(self._stack.blocks) - 1)
        if place >= 0:
            self.post_message(self.Copied(text_of(self._stack.blocks[place])))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text: blocks that are selected as a whole as their source, others as they are shown."""
        if self._lines is not self._stack:
            return super().get_selection(selection)
        if selection.start is None or selection.end is None:
            self._stack.settle_all()
        first = selection.start.y if selection.start else 0
        last = min(selection.end.y if selection.end else len(self._stack) - 1, len(self._stack) - 1)
        if first > last:
            return "", "\n"
        pieces = [
            self._selected_of(place, selection, first, last)
            for place in range(self._stack.place_at(first), self._stack.place_at(last) + 1)
        ]
        return "\n\n".join(p for p in pieces if p), "\n"

    def _selected_of(self, place: int, selection: Selection, first: int, last: int) -> str:
        lines, start = self._stack.lines_of(place), self._stack.start_of(place)
        head = next((i for i, found in enumerate(lines) if found.spans), 0)
        rows: list[str] = []
        is_whole = first <= start + head and last >= start + len(lines) - 1
        for row, content in enumerate(lines, start):
            chosen = selection.get_span(row)
            if chosen is None or not content.spans:
                continue
            begin, end = chosen[0], len(content.plain) if chosen[1] == -1 else chosen[1]
            is_whole = is_whole and not content.plain[:begin].strip() and not content.plain[end:].strip()
            rows.append(content.plain[begin:end].removeprefix("" if begin else "  "))
        source = text_of(self._stack.blocks[place])
        return source if is_whole and source else "\n".join(rows)


def _runs(block: AnyBlock) -> bool:
    """Whether the time that it has taken so far is shown."""
    if isinstance(block, SetupBlock):
        return block.ended_at is None
    return isinstance(block, ToolBlock) and block.status == "in_progress"
