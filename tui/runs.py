"""The runs screen: every run on every host, as the hosts answer."""

import time
from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.widgets import Input

from agent.errors import AgentError
from remote.errors import RemoteError
from remote.run import Run, Runs, Unreachable
from tui.again import Again
from tui.backend import Backend, Place
from tui.drawing.lines import BLANK, Line, Span, line, span, spread, wrap
from tui.drawing.runs import draw_no_runs, draw_run, draw_unreachable
from tui.drawing.words import ago, count
from tui.keymap import bindings
from tui.lines_view import Lines, LinesView
from tui.messages import Complained
from tui.stage import StageScreen

STOP_SECONDS = 2.0


def run_place(run: Run) -> Place:
    """Where to meet a run."""
    return Place(session_id=run.run_id, title=run.title, project=run.project, agent=run.agent, host=run.host)


def _key(run: Run) -> tuple[str, str]:
    """One id may be listed by two hosts, for a moment or after a restored backup."""
    return run.host, run.run_id


def _runs(found: dict[tuple[str, str], Run], silent: dict[str, Unreachable], damaged: tuple[str, ...]) -> Runs:
    return Runs(runs=tuple(found.values()), unreachable=tuple(silent.values()), damaged=damaged)


class RunsTable(LinesView, can_focus=True):
    """The list; one run is marked."""

    DEFAULT_CSS = """
    RunsTable { height: 1fr; }
    """

    runs: reactive[tuple[Run, ...]] = reactive(())
    unreachable: reactive[tuple[Unreachable, ...]] = reactive(())
    damaged: tuple[str, ...] = ()
    asking: reactive[bool] = reactive(True)
    marked: reactive[tuple[str, str]] = reactive(("", ""))
    """Host and id of the run that the mark is on."""
    hosts = 0
    came = 0.0

    def watch_runs(self) -> None:
        """Show the runs; the mark stays on its run."""
        if self.marked not in [_key(r) for r in self.runs]:
            self.marked = _key(self.runs[0]) if self.runs else ("", "")
        self.redraw()

    def watch_unreachable(self) -> None:
        """Show who did not answer."""
        self.redraw()

    def watch_asking(self) -> None:
        """Show whether answers are still to come."""
        self.redraw()

    def watch_marked(self) -> None:
        """Show the mark."""
        self.redraw()

    @property
    def current(self) -> Run | None:
        """The marked run."""
        return next((r for r in self.runs if _key(r) == self.marked), None)

    def move(self, step: int) -> None:
        """Mark another run and bring it into view."""
        keys = [_key(r) for r in self.runs]
        if not keys:
            return
        at = keys.index(self.marked) if self.marked in keys else 0
        at = max(0, min(len(keys) - 1, at + step))
        self.marked = keys[at]
        marks = [i for i, row in enumerate(self.lines) if row.plain.startswith("▸")]
        self.scroll_to(y=max(0, (marks or [0])[0] - self.size.height // 2), animate=False)

    def draw(self, width: int) -> Sequence[Line]:
        """The runs, then the hosts that did not answer."""
        out: list[Line] = []
        age = time.monotonic() - self.came if self.came else 0.0
        for run in self.runs:
            out += [*draw_run(run, _key(run) == self.marked, age, width), BLANK]
        for host in self.unreachable:
            out += draw_unreachable(host, width)
        for sentence in self.damaged:
            out += wrap([span(sentence, "warn")], width)
        if not out and self.asking and self.hosts:
            out.append(line(Span(f"Asking {count(self.hosts, 'host')} …", "muted")))
        elif not self.runs and not self.asking:
            out = [*draw_no_runs(self.hosts, width, silent=len(self.unreachable)), *out]
        return out


class RunsScreen(StageScreen[None]):
    """Lists the runs; each can be opened, looked into, steered, pulled back, stopped."""

    CSS_PATH = "runs.tcss"
    BINDINGS = bindings("runs")
    part = "runs"

    def __init__(self, backend: Backend) -> None:
        """A list that is asked for when the screen opens."""
        super().__init__()
        self.backend = backend
        self._stopping = Again(STOP_SECONDS)

    def compose(self) -> ComposeResult:
        """Title, list, the line to steer by, foot."""
        yield Lines(self._draw_title, id="runs-title")
        yield RunsTable(id="runs")
        with Horizontal(id="steer"):
            yield Lines(self._draw_steer, id="steer-label")
            yield Input(id="steer-text", placeholder="what to tell it; Enter sends, Esc does not")
        yield Lines(self._draw_foot, id="runs-foot")

    def on_mount(self) -> None:
        """Ask the hosts."""
        self.query_one(RunsTable).focus()
        self.set_interval(1.0, self._tick)
        self.action_refresh_runs()

    @work(exclusive=True, group="runs", exit_on_error=False)
    async def action_refresh_runs(self) -> None:
        """Ask the hosts again; rows appear as they answer."""
        table = self.query_one(RunsTable)
        table.asking = True
        found: dict[tuple[str, str], Run] = {}
        silent: dict[str, Unreachable] = {}
        damaged: tuple[str, ...] = ()
        try:
            table.hosts = len(self.backend.hosts())
            async for part in self.backend.runs():
                found |= {_key(r): r for r in part.runs}
                silent |= {u.host: u for u in part.unreachable}
                damaged += part.damaged
                self._show(_runs(found, silent, damaged))
        except (AgentError, RemoteError) as error:
            self.castoff.complain(str(error), error.way_out)
        else:
            self._show(_runs(found, silent, damaged))
        table.asking = False
        self._show_lines()

    def _show(self, runs: Runs) -> None:
        table = self.query_one(RunsTable)
        table.came = time.monotonic()
        table.damaged = runs.damaged
        table.runs = tuple(sorted(runs.runs, key=lambda r: (-r.at, r.run_id)))
        table.unreachable = tuple(sorted(runs.unreachable, key=lambda u: u.host))
        self._show_lines()

    def _show_lines(self) -> None:
        for view in self.query(Lines):
            view.redraw()

    def _tick(self) -> None:
        self._stopping.lapse(time.monotonic())
        self.query_one(RunsTable).redraw()
        self._show_lines()

    def _current(self) -> Run | None:
        run = self.query_one(RunsTable).current
        if run is None:
            self.castoff.complain("There is no run to do that with.")
        return run

    # Actions

    def action_move(self, step: int) -> None:
        """Mark another run."""
        self.query_one(RunsTable).move(step)
        self._show_lines()

    def action_open(self) -> None:
        """Reattach to the marked run."""
        if run := self._current():
            self.dismiss()
            self.castoff.reattach(run_place(run))

    def action_diff(self) -> None:
        """Show what the marked run changed."""
        if run := self._current():
            self.castoff.open_diff(run_place(run))

    def action_pull(self) -> None:
        """Take the marked run home."""
        if run := self._current():
            self.castoff.open_pull(run_place(run))

    def action_terminal(self) -> None:
        """Show the marked run's own terminal."""
        if run := self._current():
            self.castoff.open_terminal(run_place(run))

    def action_hosts(self) -> None:
        """Show the hosts."""
        self.castoff.action_show_hosts()

    def action_steer(self) -> None:
        """Write the marked run a prompt."""
        if self._current():
            self.set_class(True, "steering")
            self.query_one("#steer-label", Lines).redraw()
            self.query_one(Input).focus()

    @on(Input.Submitted)
    def _steered(self, message: Input.Submitted) -> None:
        run, text = self._current(), message.value.strip()
        self._end_steering()
        if run and text:
            self._send(run, text)

    def _end_steering(self) -> None:
        self.set_class(False, "steering")
        self.query_one(Input).value = ""
        self.query_one(RunsTable).focus()

    @work(group="steer", exit_on_error=False)
    async def _send(self, run: Run, text: str) -> None:
        try:
            viewer = await self.backend.attach(run_place(run), run.head_seq)
            try:
                await viewer.prompt(text)
            finally:
                await viewer.close()
        except (AgentError, RemoteError) as error:
            self.post_message(Complained(str(error), error.way_out))
            return
        self.castoff.show_status(f"{run.title} on {run.host} has your prompt.")
        self.action_refresh_runs()

    def action_stop(self) -> None:
        """Stop the marked run's agent, at the second press within two seconds."""
        run = self._current()
        if run is None:
            return
        if self._stopping.press(time.monotonic(), _key(run)):
            self._stop(run)
        self._show_lines()

    @work(group="stop", exit_on_error=False)
    async def _stop(self, run: Run) -> None:
        try:
            await self.backend.stop(run.host, run.run_id)
        except (AgentError, RemoteError) as error:
            self.post_message(Complained(str(error), error.way_out))
            return
        self.castoff.show_status(f"{run.title} on {run.host} was stopped; its work is still there.")
        self.action_refresh_runs()

    def action_back(self) -> None:
        """Leave the line to steer by, else the screen."""
        if self.has_class("steering"):
            self._end_steering()
        else:
            self.dismiss()

    # Lines

    def _draw_title(self, width: int) -> list[Line]:
        table = self.query_one(RunsTable)
        states = "asking …" if table.asking else f"asked {ago(time.monotonic() - table.came)}" if table.came else ""
        return [
            spread([Span("Runs", "heading"), Span(f"  {len(table.runs)}", "muted")], [Span(states, "muted")], width)
        ]

    def _draw_steer(self, width: int) -> list[Line]:
        run = self.query_one(RunsTable).current
        return [Line((Span("Tell ", "muted"), span(run.title if run else "", "strong")))]

    def _draw_foot(self, width: int) -> list[Line]:
        run = self.query_one(RunsTable).current
        if run is not None and self._stopping.about == _key(run):
            words = f"x again stops the agent of {run.title}; its work stays on the host."
            return [line(span(words, "warn"))]
        keys = [("r", "refresh"), ("Esc", "back")]
        if run is not None:
            keys = [
                ("Enter", "reattach"),
                ("d", "diff"),
                ("p", "pull back"),
                ("s", "steer"),
                ("t", "terminal"),
                ("x", "stop"),
                *keys,
            ]
        return [line(*[s for key, what in keys for s in (Span(key, "key"), Span(f" {what}  ", "muted"))])]
