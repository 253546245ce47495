"""The lines of all blocks one after the other: drawn when they come into view, and only so many kept.

The height of a block that was never drawn is guessed. Guesses are made good around the view at once, and all others a
few at a time, so that a session of any length is shown at once and takes no more memory than its blocks.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice
from operator import is_not
from typing import NamedTuple

from textual.cache import LRUCache

from agent.blocks import AnyBlock
from tui.drawing.lines import Line

GUESS = 5
"""Lines that a block has until it was drawn."""
KEPT = 400
"""Blocks whose lines are kept."""
EAGER = 40
"""Of many new blocks, how many of the last are drawn at once."""

Draw = Callable[[AnyBlock | None, AnyBlock], list[Line]]


class _Drawn(NamedTuple):
    block: AnyBlock
    lines: list[Line]


class _Height(NamedTuple):
    block: AnyBlock
    height: int


class Stack(Sequence[Line]):
    """Rows are lines from the top; blocks go by their place in the session."""

    def __init__(self, draw: Draw) -> None:
        """A stack whose blocks ``draw`` draws, each after the one before it."""
        self._draw = draw
        self.blocks: tuple[AnyBlock, ...] = ()
        self._heights: list[int] = []
        self._guessed: set[int] = set()
        self._starts: list[int] = [0]
        self._kept: LRUCache[int, _Drawn] = LRUCache(KEPT)
        self._ready: dict[int, _Height] = {}
        self.drawn = 0
        """Blocks drawn so far, for tests: appending one draws one."""

    def __len__(self) -> int:
        """Rows, guessed ones too."""
        return self._starts[-1]

    def __getitem__(self, index: int) -> Line:  # type: ignore[override]  # no slices: nobody needs them
        """A row; drawn if it is not kept."""
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = self.place_at(index)
        # Only what was guessed can be another number of lines than there are rows for it.
        lines = self.lines_of(place)
        row = index - self._starts[place]
        return lines[row] if row < len(lines) else Line()

    @property
    def is_guessed(self) -> bool:
        """Whether the height of any block is still a guess."""
        return bool(self._guessed)

    def place_at(self, row: int) -> int:
        """The block that the row is of."""
        return min(bisect_right(self._starts, row) - 1, len(self.blocks) - 1)

    def start_of(self, place: int) -> int:
        """The first row of a block; of the one after the last, the end."""
        return self._starts[place]

    def is_exact(self, place: int) -> bool:
        """Whether the block's height is known."""
        return place not in self._guessed

    def lines_of(self, place: int) -> list[Line]:
        """A block's lines with the gap before them; drawn if they are not kept."""
        block = self.blocks[place]
        kept = self._kept.get(place)
        if kept is not None and kept.block is block:
            return kept.lines
        lines = self._draw_at(place)
        self._kept[place] = _Drawn(block, lines)
        return lines

    def forget(self) -> None:
        """Everything is to be drawn anew: the width has changed, or what is folded."""
        self._kept.clear()
        self._ready.clear()
        self._guessed = set(range(len(self.blocks)))
        self._measure(list(range(max(0, len(self.blocks) - EAGER), len(self.blocks))))

    def show(self, blocks: tuple[AnyBlock, ...]) -> None:
        """Other blocks: those that are the same object as before stay as they are."""
        changed = _changed(self.blocks, blocks)
        if len(blocks) < len(self.blocks):
            self._guessed = {p for p in self._guessed if p < len(blocks)}
        self.blocks = blocks
        del self._heights[len(blocks) :], self._starts[len(blocks) + 1 :]
        self._heights.extend([GUESS] * (len(blocks) - len(self._heights)))
        self._guessed.update(changed[:-EAGER])
        self.redraw(changed)
        self._place(changed[0] if changed else len(blocks))

    def redraw(self, places: list[int]) -> None:
        """Draw some blocks anew, the last of them at once."""
        for place in places:
            self._kept.discard(place)
            self._ready.pop(place, None)
        self._measure(places[-EAGER:])

    def settle(self, places: Iterable[int]) -> bool:
        """Make guesses good; whether any was among them."""
        guessed = [p for p in places if p in self._guessed]
        self._measure(guessed)
        return bool(guessed)

    def settle_some(self, count: int, batch: int) -> bool:
        """Draw ``count`` of what was guessed, for its height only; ``batch`` heights take effect together.

        Returns whether they just did: rows are others then.
        """
        waiting = (p for p in self._guessed if p not in self._ready)
        for place in list(islice(waiting, count)):
            self._ready[place] = _Height(self.blocks[place], len(self._draw_at(place)))
        if len(self._ready) < min(batch, len(self._guessed)):
            return False
        for place, known in self._ready.items():
            if place in self._guessed and self.blocks[place] is known.block:
                self._heights[place] = known.height
                self._guessed.discard(place)
        self._ready.clear()
        self._place(0)
        return True

    def settle_all(self) -> None:
        """Make all guesses good."""
        self.settle_some(len(self._guessed), 0)

    def _draw_at(self, place: int) -> list[Line]:
        self.drawn += 1
        return self._draw(self.blocks[place - 1] if place else None, self.blocks[place])

    def _measure(self, places: list[int]) -> None:
        first = len(self.blocks)
        for place in places:
            height = len(self.lines_of(place))
            if self._heights[place] != height:
                self._heights[place] = height
                first = min(first, place)
        self._guessed.difference_update(places)
        self._place(first)

    def _place(self, first: int) -> None:
        """Sum the heights up again from a block on."""
        first = min(first, len(self._starts) - 1)
        self._starts[first:] = accumulate(self._heights[first:], initial=self._starts[first])


def _changed(old: tuple[AnyBlock, ...], new: tuple[AnyBlock, ...]) -> list[int]:
    """Places whose block, or the one before it, is another object than it was. Blocks are immutable."""
    different = list(map(is_not, old, new))
    out = [] if True not in different else [p for p, d in enumerate(different) if d]
    after = [p + 1 for p in out if p + 1 < len(new)]
    return sorted({*out, *after, *range(len(old), len(new))})
