"""The pull-back screen: review, progress, the plan and its questions, and home again."""

import time
from typing import Any

from textual.app import ComposeResult
from textual.geometry import Region

from remote.steps import Applied, Home, Planned, Reviewed, StillHere
from remote.terms import Agreed
from tui.backend import Backend, Place
from tui.drawing.lines import Line, Span, span, spread
from tui.drawing.moves import draw_home, draw_lost, draw_review, draw_rows, draw_setup, draw_still_here, pull_rows
from tui.drawing.plans import draw_left_open, draw_plan
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.move_screen import MoveScreen
from tui.moves import Move


class Pull(MoveScreen):
    """Shows what would change here; Enter takes the run home."""

    BINDINGS = bindings("pull")
    part = "pull"
    pulling = True

    def __init__(self, backend: Backend, place: Place) -> None:
        """A pull-back of the run at ``place``."""
        super().__init__(backend, place, place.host)
        self._mark = 0
        """The executable file that keys are about, by its index in the plan."""
        self._accepted: frozenset[int] = frozenset()
        self._deletions = False

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
        elif (plan := self._plan) is not None:
            accept = tuple(each.path for index, each in enumerate(plan.executable) if index in self._accepted)
            move.decide(Agreed(accept=accept, deletions=self._deletions))
            self.changed()

    @property
    def _plan(self) -> Planned | None:
        """The plan, while it waits for its answer."""
        move = self.move
        return move.last if move is not None and isinstance(move.last, Planned) and move.waits else None

    def action_accept(self) -> None:
        """Take the marked file, or leave it after all."""
        if (plan := self._plan) is not None and plan.executable:
            self._accepted ^= {self._mark}
            self.show()

    def action_deletions(self) -> None:
        """Delete here too what the run deleted, or keep it after all."""
        if (plan := self._plan) is not None and plan.mass_deletion is not None:
            self._deletions = not self._deletions
            self.show()

    def action_move(self, by: int) -> None:
        """Go to another executable file of the plan, else scroll."""
        plan = self._plan
        if plan is None or not plan.executable:
            self.query_one("#page").scroll_relative(y=by, animate=False)
            return
        self._mark = max(0, min(len(plan.executable) - 1, self._mark + by))
        self.show()
        self.call_after_refresh(self._show_mark)

    def _show_mark(self) -> None:
        body = self.query_one("#body", Lines)
        row = next((row for row, drawn in enumerate(body.lines) if drawn.fill == "selected"), None)
        if row is not None:
            region = Region(0, body.virtual_region.y + row, 1, 8)
            self.query_one("#page").scroll_to_region(region, animate=False)

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
                return draw_home(home, applied, width) + draw_left_open(home, width)
            case StillHere() as still:
                return draw_still_here(still, width, pulling=True, host=self.host)
            case Reviewed() as review if not self.moving:
                return draw_review(review, width)
            case Planned() as plan if move.waits:
                return draw_plan(plan, self._accepted, self._mark, deletions=self._deletions, width=width)
            case _ if self.moving:
                rows = draw_rows(pull_rows(move.steps, self.host), move.steps, now, width)
                return rows + draw_lost(move.lost, now, width)
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
        if (plan := self._plan) is not None:
            keys = [("Space", "take the marked file"), ("↑ ↓", "next file")] if plan.executable else []
            keys += [("d", "delete here too, or keep")] if plan.mass_deletion is not None else []
            return self.foot([*keys, ("Enter", "bring it home so"), ("Esc", "back, the run goes on")], width)
        return self.foot([("Esc", "back, nothing happens")], width)
