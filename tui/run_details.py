"""The details of the marked run; what it changed is asked for once the mark has stayed on it for a moment."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work

from agent.errors import AgentError
from remote.errors import RemoteError
from snapshot.errors import SnapshotError
from tui.backend import Backend, Place
from tui.board import Row
from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.drawing.run_details import draw_details, draw_diffstat
from tui.lines_view import LinesView

if TYPE_CHECKING:
    from snapshot.diff import Diff

REST_SECONDS = 0.6
"""A mark that moves on sooner asks no host to read a tree."""


class RunDetails(LinesView):
    """One run, whole; empty without one."""

    can_focus = False
    DEFAULT_CSS = """
    RunDetails { width: 46; height: 1fr; padding: 0 0 0 2; border-left: vkey $c-rule; }
    """

    def __init__(self, backend: Backend, *, id: str | None = None) -> None:
        """Nothing to show yet."""
        super().__init__(id=id)
        self._backend = backend
        self._row: Row | None = None
        self._wanted: tuple[str, str, int] | None = None
        """Whose changes are asked for or known: host, id and last event."""
        self._diff: Diff | str | None = None
        """What was told of them: a diff, or a sentence why not."""

    def show(self, row: Row | None) -> None:
        """Show this run."""
        self._row = row
        if row is not None and self.display:
            self._want(row)
        self.redraw()

    def _want(self, row: Row) -> None:
        wanted = (*row.key, row.run.head_seq)
        if wanted == self._wanted:
            return
        if self._wanted is None or self._wanted[:2] != row.key:
            self._diff = None
        self._wanted = wanted
        self.workers.cancel_group(self, "diffstat")  # pyright: ignore[reportUnknownMemberType]  # Worker[Unknown]
        if row.silent is None:
            self._read(row)

    @work(exclusive=True, group="diffstat", exit_on_error=False)
    async def _read(self, row: Row) -> None:
        await asyncio.sleep(REST_SECONDS)
        run = row.run
        place = Place(session_id=run.run_id, title=run.title, project=run.project, agent=run.agent, host=run.host)
        try:
            self._diff = await self._backend.diff(place)
        except (AgentError, RemoteError, SnapshotError) as error:
            self._diff = str(error)
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The run's lines."""
        if self._row is None:
            return []
        row = self._row
        out = draw_details(row.run, row.age, width, row.silent)
        match self._diff:
            case None:
                return out if row.silent is not None else [*out, BLANK, line(Span("Changes …", "muted"))]
            case str() as why:
                return [*out, BLANK, *wrap([span(why, "warn")], width)]
            case diff:
                return [*out, *draw_diffstat(diff.files, width)]
