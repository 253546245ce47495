"""The list of runs: groups of rows, the hosts that do not answer, one row marked and any number picked."""

import time
from collections.abc import Sequence

from textual.reactive import reactive

from remote.run import Run
from tui.archive import Archive
from tui.board import Board, Group, Key, Order, Row, narrowed, ordered, rows_of, silent_hosts
from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.drawing.runs import draw_heading, draw_no_runs, draw_run, draw_unreachable
from tui.drawing.words import count
from tui.lines_view import LinesView


class RunsTable(LinesView, can_focus=True):
    """The list; the mark and what is picked stay on their runs, whatever comes and in whatever order."""

    DEFAULT_CSS = """
    RunsTable { height: 1fr; width: 1fr; }
    """

    asking: reactive[bool] = reactive(True)
    """Whether the hosts are asked for the first time, or because the user wanted it."""
    marked: reactive[Key] = reactive(("", ""))
    """Host and id of the run that the mark is on."""
    needle: reactive[str] = reactive("")
    """The words that the rows shown hold."""
    order: reactive[Order] = reactive[Order]("news")
    group: reactive[Group] = reactive[Group]("host")
    aside: reactive[bool] = reactive(False)
    """Whether the runs that are put aside are shown, instead of the others."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty list."""
        super().__init__(id=id)
        self.board = Board()
        self.archive = Archive()
        self.picked: frozenset[Key] = frozenset()
        self.hosts = 0
        self.groups: tuple[tuple[str, tuple[Row, ...]], ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows shown, from top to bottom."""
        return tuple(row for _, rows in self.groups for row in rows)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs shown, from top to bottom."""
        return tuple(row.run for row in self.rows)

    @property
    def current(self) -> Run | None:
        """The marked run."""
        return row.run if (row := self.current_row) is not None else None

    @property
    def current_row(self) -> Row | None:
        """The marked row."""
        return next((row for row in self.rows if row.key == self.marked), None)

    @property
    def chosen(self) -> tuple[Run, ...]:
        """The runs that an action is about: those picked and shown, else the marked one."""
        picked = tuple(row.run for row in self.rows if row.key in self.picked)
        return picked or tuple(row.run for row in self.rows if row.key == self.marked)

    def show_board(self, board: Board) -> None:
        """Show what the hosts told."""
        self.board = board
        self.redraw()

    def pick(self) -> None:
        """Pick the marked run, or pick it no more."""
        if self.current is not None:
            self.picked ^= {self.marked}
            self.redraw()

    def pick_all(self) -> None:
        """Pick all that are shown; where all are, none."""
        shown = frozenset(row.key for row in self.rows)
        self.picked = frozenset() if shown <= self.picked else shown
        self.redraw()

    def drop_picked(self) -> None:
        """Pick none."""
        self.picked = frozenset()
        self.redraw()

    def move(self, step: int) -> None:
        """Mark another run and bring it into view."""
        keys = [row.key for row in self.rows]
        if not keys:
            return
        at = keys.index(self.marked) if self.marked in keys else 0
        self.marked = keys[max(0, min(len(keys) - 1, at + step))]
        marks = [i for i, row in enumerate(self.lines) if row.plain.startswith("▸")]
        self.scroll_to(y=max(0, (marks or [0])[0] - self.size.height // 2), animate=False)

    def watch_asking(self) -> None:
        """Show whether answers are still to come."""
        self.redraw()

    def watch_marked(self) -> None:
        """Show the mark."""
        self.redraw()

    def watch_needle(self) -> None:
        """Show the rows that hold it."""
        self.redraw()

    def watch_order(self) -> None:
        """Show the rows in that order."""
        self.redraw()

    def watch_group(self) -> None:
        """Show the rows in those groups."""
        self.redraw()

    def watch_aside(self) -> None:
        """Show the other runs."""
        self.redraw()

    def redraw(self) -> None:
        """Draw again; a mark whose run is gone goes to the first row."""
        self._arrange(time.monotonic())
        keys = [row.key for row in self.rows]
        if self.marked not in keys:
            self.set_reactive(RunsTable.marked, keys[0] if keys else ("", ""))
        super().redraw()

    def _arrange(self, now: float) -> None:
        rows = (row for row in rows_of(self.board, now) if self.archive.holds(row.run) is self.aside)
        self.groups = ordered(narrowed(rows, self.needle), self.order, self.group)

    def draw(self, width: int) -> Sequence[Line]:
        """The groups, then the hosts that did not answer."""
        now = time.monotonic()
        self._arrange(now)
        out: list[Line] = []
        for heading, rows in self.groups:
            if heading:
                stale = rows[0].age if self.group == "host" and rows[0].silent is not None else None
                out.append(draw_heading(heading, len(rows), stale, width))
            for row in rows:
                marked, picked = row.key == self.marked, row.key in self.picked
                hosted = self.group != "host"
                lines = draw_run(row.run, marked, row.age, width, silent=row.silent, picked=picked, hosted=hosted)
                out += [*lines, BLANK]
        silent = silent_hosts(self.board)
        if not self.aside:
            for told in silent:
                assert told.silent is not None
                out += draw_unreachable(told.silent, width, now - told.silent_at)
            for sentence in self.board.damaged:
                out += wrap([span(sentence, "warn")], width)
        return out if self.rows else [*self._draw_none(len(silent), bool(out), width), *out]

    def _draw_none(self, silent: int, some: bool, width: int) -> list[Line]:
        """Why there is no row."""
        if self.needle:
            return wrap([Span("No run holds "), span(self.needle, "accent"), Span(".")], width)
        if self.aside:
            return wrap([Span("No run is put aside. a puts the marked one aside, until something new comes.")], width)
        if self.asking and self.hosts:
            return [] if some else [line(Span(f"Asking {count(self.hosts, 'host')} …", "muted"))]
        if self.asking:
            return []
        if any(self.archive.holds(row.run) for row in rows_of(self.board, 0.0)):
            return wrap([Span("All runs are put aside; A shows them.")], width)
        return draw_no_runs(self.hosts, width, silent=silent)
