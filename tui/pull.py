"""The pull-back screen: review, progress, and home again."""

import time
from typing import Any

from textual.app import ComposeResult

from remote.steps import Applied, Home, Reviewed, StillHere
from tui.backend import Backend, Place
from tui.drawing.lines import Line, Span, span, spread
from tui.drawing.moves import draw_home, draw_review, draw_rows, draw_setup, draw_still_here, pull_rows
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.move_screen import MoveScreen
from tui.moves import Move


class Pull(MoveScreen):
    """Shows what would change here; Enter takes the run home."""

    BINDINGS = bindings("pull")
    pulling = True

    def __init__(self, backend: Backend, place: Place) -> None:
        """A pull-back of the run at ``place``."""
        super().__init__(backend, place, place.host)

    def compose(self) -> ComposeResult:
        """Title, page, foot."""
        yield Lines(self._draw_title, id="title")
        yield self.page(Lines(self._draw_body, id="body"))
        yield Lines(self._draw_foot, id="foot")

    def on_mount(self) -> None:
        """Ask for the review: nothing changes by that."""
        super().on_mount()
        host, run_id = self.place.host, self.place.session_id
        self.move = Move[Any](lambda: self.backend.pull_back(host, run_id), self.changed)
        self.castoff.drive(self.move, self.place)

    def action_confirm(self) -> None:
        """Take the run home; afterwards, go on with it here."""
        move = self.move
        if not self.confirmable() or move is None:
            return
        if self.ended:
            self.leave()
        elif isinstance(move.last, Reviewed) and move.waits and not any(p.blocking for p in move.last.problems):
            self.castoff.move_begins(self.place)
            move.decide("go")
            self.changed()

    def _draw_title(self, width: int) -> list[Line]:
        left = [Span("Pull back", "heading"), Span("  "), span(self.place.title, "muted")]
        return [spread([*left, Span("  from  ", "muted"), span(self.host, "accent")], [], width)]

    def _draw_body(self, width: int) -> list[Line]:
        move = self.move
        if move is None:
            return []
        now = time.monotonic()
        match move.last:
            case Home() as home:
                applied = move.find(Applied)
                return draw_home(home, applied.undo if applied is not None else "", width)
            case StillHere() as still:
                return draw_still_here(still, width, pulling=True, host=self.host)
            case Reviewed() as review if not self.moving:
                return draw_review(review, width)
            case _ if self.moving:
                return draw_rows(pull_rows(move.steps, self.host), move.steps, now, width)
            case _:
                return draw_setup(move.steps, self.host, now, move.begun, width)

    def _draw_foot(self, width: int) -> list[Line]:
        last = self.move.last if self.move else None
        if isinstance(last, Home):
            return self.foot([("Enter", "go on here")], width)
        if isinstance(last, StillHere):
            return self.foot([("Enter", "back")], width)
        if isinstance(last, Reviewed) and not any(p.blocking for p in last.problems):
            return self.foot([("Enter", "take it home"), ("Esc", "back, nothing happens")], width)
        return self.foot([("Esc", "back, nothing happens")], width)
