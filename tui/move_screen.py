"""What the handoff and the pull-back screen share: driving a move, its clock, and cancelling."""

import time
from typing import Any, ClassVar

from textual.containers import VerticalScroll
from textual.events import Key

from remote.steps import Away, Home
from tui.again import Again
from tui.backend import Backend, Place
from tui.drawing.lines import Line, Span, line, spread, wrap
from tui.drawing.moves import can_cancel, cancel_words
from tui.lines_view import Lines
from tui.moves import Move, landed
from tui.quiet import Quiet
from tui.stage import StageScreen

CANCEL_SECONDS = 3.0


class MoveScreen(StageScreen[None]):
    """A screen around one `Move`; the move belongs to the app and does not end with the screen."""

    CSS_PATH: ClassVar[list[str]] = ["moves.tcss"]  # type: ignore[assignment]  # Textual accepts a list
    pulling = False

    def __init__(self, backend: Backend, place: Place, host: str) -> None:
        """A screen for a move of the session at ``place`` to or from ``host``."""
        super().__init__()
        self.backend = backend
        self.place = place
        self.host = host
        self.move: Move[Any] | None = None
        self.quiet = Quiet(time.monotonic())
        self._cancel = Again(CANCEL_SECONDS)
        self._hasty = False

    @property
    def ended(self) -> bool:
        """Whether the move is over."""
        return self.move is not None and self.move.end is not None

    @property
    def moving(self) -> bool:
        """Whether the decision was to go, and the move is neither over nor waiting for another decision."""
        return self.move is not None and self.move.agreed and not self.move.waits and not self.ended

    def see(self, event: Key) -> bool:
        """Keys that come in haste confirm nothing."""
        self.quiet.key(time.monotonic())
        return False

    def on_mount(self) -> None:
        """Times tick while something is under way."""
        self.set_interval(0.25, self._tick)

    def changed(self) -> None:
        """A step came: draw, if the screen is still there."""
        if not self.is_attached:
            return
        if self._asks:
            self.call_after_refresh(self._drawn)
        elif self.moving:
            self.quiet.hidden()
        self.show()

    @property
    def _asks(self) -> bool:
        """Whether a key is awaited: the decision, or that the outcome was read."""
        return self.move is not None and (self.move.waits or self.ended)

    def _drawn(self) -> None:
        if self._asks:
            self.quiet.drawn(time.monotonic())

    def confirmable(self) -> bool:
        """Whether the key that just came may confirm; if not, say how to."""
        self._hasty = not self.quiet.counts and self._asks
        if self._hasty:
            self.show()
        return self.quiet.counts

    def show(self) -> None:
        """Draw everything again."""
        for view in self.query(Lines):
            view.redraw()
            view.refresh(layout=True)

    def _tick(self) -> None:
        self._cancel.lapse(time.monotonic())
        if self.move is not None and not self.move.waits and not self.ended:
            self.show()

    def action_back(self) -> None:
        """Leave; while something moves, ask first and then cancel."""
        if not self.moving or self.move is None:
            # An Esc that was meant to cancel must not wipe away the outcome that came before it.
            if not self.ended or self.confirmable():
                self.leave()
            return
        if not can_cancel(self.move.last):
            self.show()
            return
        if self._cancel.press(time.monotonic()):
            self.move.cancel()
        self.show()

    def leave(self) -> None:
        """Close the screen: a move that waits for its decision is told no, a session that went is shown where it is."""
        if self.move is not None and not self.ended:
            self.move.cancel()
        self.dismiss()
        match self.move.end if self.move is not None else None:
            case Away() as end:
                self.castoff.show_signpost(landed(self.place, end))
            case Home() as end:
                self.castoff.reattach(landed(self.place, end))
            case _:
                pass

    def page(self, *views: Lines) -> VerticalScroll:
        """The scrolling middle of the screen."""
        scroll = VerticalScroll(*views, id="page")
        scroll.can_focus = False
        return scroll

    def foot(self, keys: list[tuple[str, str]], width: int) -> list[Line]:
        """The last lines: what cancelling means, or the keys."""
        if self.moving and self.move is not None:
            words = cancel_words(self.move.last, self.host, pulling=self.pulling)
            if self._cancel.about:
                return wrap([Span(words, "warn")], width, first=line(Span("Esc again cancels. ", "warn")))
            hint = [Span("Esc", "key"), Span(" cancel", "muted")] if can_cancel(self.move.last) else []
            first, *rest = wrap([Span(words, "muted")], width - 14)
            return [spread(first.spans, hint, width), *rest]
        spans: list[Span] = [Span("Once more, to be sure: ", "warn")] if self._hasty else []
        for key, what in keys:
            spans += [Span(key, "key"), Span(f" {what}   ", "muted")]
        return wrap(spans, width)
