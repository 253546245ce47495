"""The transcript: blocks as data in one widget, drawn once and kept; only what changed is drawn again."""

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.reactive import reactive

from agent.blocks import AnyBlock, SetupBlock, ToolBlock
from agent.state import SessionState
from tui.drawing.blocks import Look, draw_block, gap_before
from tui.drawing.lines import BLANK, Line, cut, line, span
from tui.drawing.welcome import draw_welcome
from tui.lines_view import LinesView


@dataclass(frozen=True)
class _Drawn:
    """A block's lines, and what they were drawn from."""

    block: AnyBlock
    key: tuple[int, bool, int]
    lines: list[Line]


class _Stack(Sequence[Line]):
    """The lines of all blocks one after the other, without copying them together."""

    def __init__(self) -> None:
        self.parts: list[_Drawn] = []
        self.starts: list[int] = [0]

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, index: int) -> Line:  # type: ignore[override]  # no slices: nobody needs them
        part = bisect_right(self.starts, index) - 1
        return self.parts[part].lines[index - self.starts[part]]

    def cut(self, count: int) -> None:
        """Keep only the first ``count`` parts."""
        del self.parts[count:]
        del self.starts[count + 1 :]

    def push(self, part: _Drawn) -> None:
        """Add a part at the end."""
        self.parts.append(part)
        self.starts.append(self.starts[-1] + len(part.lines))


class Transcript(LinesView, can_focus=True):
    """Follows the end while it is in view; scrolled up, it stays where it is and says how much came below."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; width: 1fr; padding: 0 1; scrollbar-gutter: stable; }
    """

    state: reactive[SessionState] = reactive(SessionState, always_update=True)
    details: reactive[bool] = reactive(False)
    following: reactive[bool] = reactive(True)

    @dataclass
    class Followed(Message):
        """The view began or ceased to follow the end; ``below`` counts lines that are not in view."""

        following: bool
        below: int

    def __init__(self, *, id: str | None = None) -> None:
        """An empty transcript."""
        super().__init__(id=id)
        self._stack = _Stack()
        self._heard = time.monotonic()
        self.project = ""
        """The directory that an empty transcript names."""
        self.attaching = ""
        """What an empty transcript says instead of the welcome, while nothing has come of a session that exists."""
        self.drawn = 0
        """Blocks drawn so far, for tests: appending one draws one."""

    def on_mount(self) -> None:
        """Running calls show how long they run."""
        self.set_interval(1.0, self._tick)

    def watch_state(self, state: SessionState) -> None:
        """Show the new state."""
        self._heard = time.monotonic()
        self.redraw()

    def watch_details(self) -> None:
        """Draw with or without details."""
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The welcome, or the blocks' lines; blocks that are as they were keep theirs."""
        blocks = self.state.blocks
        if not blocks:
            self._stack.cut(0)
            if self.attaching and not self.state.head_seq:
                return (BLANK, cut(line(span(self.attaching, "muted")), width))
            return draw_welcome(self.project, width)
        kept = self._unchanged(blocks, width)
        old = self._stack.parts[kept:]
        self._stack.cut(kept)
        for index in range(kept, len(blocks)):
            part = old[index - kept] if index - kept < len(old) else None
            if part is None or not self._fits(part, blocks[index], width):
                part = self._draw_one(blocks[index - 1] if index else None, blocks[index], width)
            self._stack.push(part)
        return self._stack

    def redraw(self) -> None:
        """Draw again, and stay at the end if that is where the view was."""
        super().redraw()
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)
        else:
            self.post_message(self.Followed(False, self._below()))

    def follow(self) -> None:
        """Go to the end and stay there."""
        self.following = True
        self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling away from the end stops following, coming back begins it."""
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and self._below() > 0:
            self.following = False
        elif self._below() <= 0:
            self.following = True
        self.post_message(self.Followed(self.following, self._below()))

    def _below(self) -> int:
        return max(0, len(self._lines) - round(self.scroll_y) - self.scrollable_content_region.height)

    def _unchanged(self, blocks: tuple[AnyBlock, ...], width: int) -> int:
        """How many leading blocks are drawn as they are now. Blocks are immutable, so identity suffices."""
        parts = self._stack.parts
        for index, (part, block) in enumerate(zip(parts, blocks, strict=False)):
            if not self._fits(part, block, width):
                return index
        return min(len(parts), len(blocks))

    def _fits(self, part: _Drawn, block: AnyBlock, width: int) -> bool:
        return part.block is block and part.key == (width, self.details, self._second(block))

    def _second(self, block: AnyBlock) -> int:
        """For a call that runs, the second it is in; for all else, zero."""
        return int(self._now() - block.at) if _runs(block) else 0

    def _now(self) -> float:
        """Unix time on the runner's clock, as far as this side can know it."""
        return self.state.at + (time.monotonic() - self._heard)

    def _draw_one(self, previous: AnyBlock | None, block: AnyBlock, width: int) -> _Drawn:
        self.drawn += 1
        lines = draw_block(block, Look(width, self.details, self._now()))
        if lines:
            lines = [BLANK] * gap_before(previous, block) + lines
        return _Drawn(block, (width, self.details, self._second(block)), lines)

    def _tick(self) -> None:
        if self.state.running or (self.state.blocks and _runs(self.state.blocks[-1])):
            self.redraw()


def _runs(block: AnyBlock) -> bool:
    """Whether the time that it has taken so far is shown."""
    if isinstance(block, SetupBlock):
        return block.ended_at is None
    return isinstance(block, ToolBlock) and block.status == "in_progress"
