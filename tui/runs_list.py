"""The list part of the runs screen: live news of all hosts, filter, order, groups, details."""

import asyncio
import time

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from agent.errors import AgentError
from remote.errors import RemoteError
from tui.backend import Backend
from tui.board import GROUPS, ORDERS, Board, following
from tui.drawing.lines import Line, Span, span
from tui.drawing.runs_frame import draw_title
from tui.errors import TuiError
from tui.feed import Feed
from tui.lines_view import Lines
from tui.run_details import RunDetails
from tui.runs_table import RunsTable
from tui.stage import StageScreen

WIDE = 120
"""Columns from which on the details are beside the list."""


class RunsList(StageScreen[None]):
    """Shows the runs as they are; nothing here changes any."""

    CSS_PATH = "runs.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012  # Textual declares it per instance

    def __init__(self, backend: Backend) -> None:
        """A list that is asked for when the screen opens."""
        super().__init__()
        self.backend = backend
        self._feed = Feed(backend, self._show)

    def compose(self) -> ComposeResult:
        """Title, list and details, the lines to steer and to filter by, foot."""
        yield Lines(self._draw_title, id="runs-title")
        with Horizontal(id="runs-middle"):
            yield RunsTable(id="runs")
            yield RunDetails(self.backend, id="run-details")
        with Horizontal(id="steer", classes="typed"):
            yield Lines(self._draw_steer, id="steer-label")
            yield Input(id="steer-text", placeholder="what to tell it; Enter sends, Esc does not")
        with Horizontal(id="filter", classes="typed"):
            yield Lines(lambda width: [Line((Span("Only runs with", "muted"),))], id="filter-label")
            yield Input(id="filter-text", placeholder="words of title, host, agent, folder or state; Esc shows all")
        yield Lines(self.draw_foot, id="runs-foot")

    def on_mount(self) -> None:
        """Ask the hosts, and go on asking."""
        # The breakpoints apply only at the first resize, which is one frame too late.
        columns = self.app.size.width  # pyright: ignore[reportUnknownMemberType]  # Textual types it App[Unknown]
        self.set_class(columns >= WIDE, "-wide")
        self.table.focus()
        try:
            self.table.archive = self.backend.archive()
        except TuiError as error:
            self.castoff.complain(str(error), error.way_out)
        self.set_interval(1.0, self.tick)
        self.action_refresh_runs()

    @property
    def table(self) -> RunsTable:
        """The list."""
        return self.query_one(RunsTable)

    # News

    @work(exclusive=True, group="runs", exit_on_error=False)
    async def action_refresh_runs(self) -> None:
        """Ask the hosts again, and from then on by and by; rows appear as they answer."""
        table = self.table
        table.asking = True
        try:
            pause = await self._feed.ask_all()
            table.asking = False
            self._show(self._feed.board)
            while True:
                await asyncio.sleep(pause)
                # Not `is_current`: that holds below other screens too, where nothing of it can be seen.
                if self.app.screen is self:  # pyright: ignore[reportUnknownMemberType]  # App[Unknown]
                    pause = await self._feed.ask_again()
        except (AgentError, RemoteError) as error:
            table.asking = False
            self.show_lines()
            self.castoff.complain(str(error), error.way_out)

    def _show(self, board: Board) -> None:
        self.table.hosts = self._feed.hosts
        self.table.show_board(board)
        self.show_lines()

    def show_lines(self) -> None:
        """Draw what is around the list again."""
        if self.is_mounted:
            self.query_one(RunDetails).show(self.table.current_row)
            for view in self.query(Lines):
                view.redraw()

    def tick(self) -> None:
        """Ages grow."""
        self.table.redraw()
        self.show_lines()

    # The list

    def action_move(self, step: int) -> None:
        """Mark another run."""
        self.table.move(step)
        self.show_lines()

    def action_pick(self) -> None:
        """Pick the marked run, and go to the next."""
        self.table.pick()
        self.action_move(1)

    def action_pick_all(self) -> None:
        """Pick all that are shown, or none."""
        self.table.pick_all()
        self.show_lines()

    def action_next_order(self) -> None:
        """Order the runs by something else."""
        self.table.order = following(self.table.order, ORDERS)
        self.show_lines()

    def action_next_group(self) -> None:
        """Group the runs by something else."""
        self.table.group = following(self.table.group, GROUPS)
        self.show_lines()

    def action_show_aside(self) -> None:
        """Show the runs that are put aside, or the others."""
        self.table.aside = not self.table.aside
        self.show_lines()

    def action_details(self) -> None:
        """Show what happened in the marked run, where there is no room for it beside the list."""
        self.toggle_class("-details")
        self.show_lines()

    def action_filter(self) -> None:
        """Type what the runs shown hold."""
        self.begin_typing("filtering", "#filter-text")

    def begin_typing(self, what: str, field: str) -> None:
        """Show the line with that field, and go there."""
        self.set_class(True, what)
        self.query_one("#steer-label", Lines).redraw()
        self.query_one(field, Input).focus()

    @on(Input.Changed, "#filter-text")
    def _filtered(self, message: Input.Changed) -> None:
        self.table.needle = message.value.strip()
        self.show_lines()

    @on(Input.Submitted, "#filter-text")
    def _filter_kept(self) -> None:
        self.table.focus()
        self.set_class(bool(self.table.needle), "filtering")

    def end_filter(self) -> None:
        """Show all runs."""
        self.set_class(False, "filtering")
        self.query_one("#filter-text", Input).value = ""
        self.table.focus()

    # Lines

    def _draw_title(self, width: int) -> list[Line]:
        table = self.table
        age = time.monotonic() - self._feed.came if self._feed.came else None
        return [draw_title(table.rows, table.order, age, width, asking=table.asking, aside=table.aside)]

    def _draw_steer(self, width: int) -> list[Line]:
        run = self.table.current
        return [Line((Span("Tell ", "muted"), span(run.title if run else "", "strong")))]

    def draw_foot(self, width: int) -> list[Line]:
        """What can be done now."""
        raise NotImplementedError
