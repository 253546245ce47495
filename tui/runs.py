"""The runs screen: every run on every host, and what can be done to one or to several of them."""

import time
from collections.abc import Awaitable, Callable, Sequence

from textual import on, work
from textual.widgets import Input

from agent.errors import AgentError
from remote.errors import RemoteError
from remote.run import Run
from tui.again import Again
from tui.archive import bring_back, put_aside
from tui.backend import Backend, Place, ViewerLike
from tui.board import Key
from tui.bulk import PAUSE, PULL, RESUME, STOP, BulkDialog, Deed, do_each, told
from tui.drawing.lines import Line
from tui.drawing.runs_frame import draw_foot
from tui.errors import TuiError
from tui.keymap import bindings
from tui.messages import Complained
from tui.runs_list import RunsList

STOP_SECONDS = 2.0
_AT_WORK = ("working", "needs-input", "starting", "draining")


def run_place(run: Run) -> Place:
    """Where to meet a run."""
    return Place(session_id=run.run_id, title=run.title, project=run.project, agent=run.agent, host=run.host)


def _key(run: Run) -> Key:
    return run.host, run.run_id


class RunsScreen(RunsList):
    """Lists the runs; each can be opened, looked into, steered, paused, pulled back, stopped, put aside."""

    BINDINGS = bindings("runs")
    part = "runs"

    def __init__(self, backend: Backend) -> None:
        """A list that is asked for when the screen opens."""
        super().__init__(backend)
        self._stopping = Again(STOP_SECONDS)

    def tick(self) -> None:
        """Forget a first press that is too long ago."""
        self._stopping.lapse(time.monotonic())
        super().tick()

    # One run

    def _current(self) -> Run | None:
        run = self.table.current
        if run is None:
            self.castoff.complain("There is no run to do that with.")
        return run

    def _chosen(self) -> tuple[Run, ...]:
        runs = self.table.chosen
        if not runs:
            self.castoff.complain("There is no run to do that with.")
        return runs

    def action_open(self) -> None:
        """Reattach to the marked run."""
        if run := self._current():
            self.dismiss()
            self.castoff.reattach(run_place(run))

    def action_diff(self) -> None:
        """Show what the marked run changed."""
        if run := self._current():
            self.castoff.open_diff(run_place(run))

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
            self.begin_typing("steering", "#steer-text")

    @on(Input.Submitted, "#steer-text")
    def _steered(self, message: Input.Submitted) -> None:
        run, text = self._current(), message.value.strip()
        self._end_steering()
        if run and text:
            self._send(run, text)

    def _end_steering(self) -> None:
        self.set_class(False, "steering")
        self.query_one("#steer-text", Input).value = ""
        self.table.focus()

    @work(group="steer", exit_on_error=False)
    async def _send(self, run: Run, text: str) -> None:
        try:
            await self._command(run, lambda viewer: viewer.prompt(text))
        except (AgentError, RemoteError) as error:
            self.post_message(Complained(str(error), error.way_out))
            return
        self.castoff.show_status(f"{run.title} on {run.host} has your prompt.")
        self.action_refresh_runs()

    async def _command(self, run: Run, do: Callable[[ViewerLike], Awaitable[None]]) -> None:
        viewer = await self.backend.attach(run_place(run), run.head_seq)
        try:
            await do(viewer)
        finally:
            await viewer.close()

    # One run or several

    def action_pull(self) -> None:
        """Take the chosen runs home: one on a screen of its own, several one after the other."""
        runs = self._chosen()
        if len(runs) == 1:
            self.castoff.open_pull(run_place(runs[0]))
        elif runs:
            self._ask(PULL, runs, lambda: self.castoff.pull_several(runs))

    def action_pause(self) -> None:
        """End the turns of the chosen runs."""
        self._do(PAUSE, lambda run: self._command(run, lambda viewer: viewer.pause()))

    def action_resume(self) -> None:
        """Let the chosen runs go on."""
        self._do(RESUME, lambda run: self._command(run, lambda viewer: viewer.resume()))

    def action_stop(self) -> None:
        """Stop the agents of the chosen runs; where it is the marked one, at the second press within two seconds."""
        runs = self._chosen()
        if len(runs) == 1 and not self._stopping.press(time.monotonic(), _key(runs[0])):
            self.show_lines()
            return
        self._do(STOP, lambda run: self.backend.stop(run.host, run.run_id))

    def _do(self, deed: Deed, do: Callable[[Run], Awaitable[None]]) -> None:
        runs = self._chosen()
        if len(runs) > 1:
            self._ask(deed, runs, lambda: self._carry_out(deed, runs, do))
        elif runs:
            self._carry_out(deed, runs, do)

    def _ask(self, deed: Deed, runs: Sequence[Run], go: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.table.drop_picked()
                go()

        self.app.push_screen(BulkDialog(deed, runs), answered)  # pyright: ignore[reportUnknownMemberType]  # App[Unknown]

    @work(group="deed", exit_on_error=False)
    async def _carry_out(self, deed: Deed, runs: Sequence[Run], do: Callable[[Run], Awaitable[None]]) -> None:
        outcomes = await do_each(runs, do)
        say = self.castoff.complain if any(each.fault for each in outcomes) else self.castoff.show_status
        say(told(deed, outcomes))
        self.action_refresh_runs()

    def action_archive(self) -> None:
        """Put the chosen runs aside, or bring them back."""
        table, runs = self.table, self._chosen()
        going = [run for run in runs if run.phase in _AT_WORK and run.alive]
        if going and not table.aside:
            self.castoff.complain(f"{going[0].title} is still at work.", "z pauses it, x stops it.")
            return
        try:
            kept = self.backend.archive()
            table.archive = (bring_back if table.aside else put_aside)(kept, runs)
            self.backend.keep_archive(table.archive)
        except OSError as error:
            self.castoff.complain(f"That cannot be written down: {error.strerror}.")
        except TuiError as error:
            self.castoff.complain(str(error), error.way_out)
        table.drop_picked()
        self.show_lines()

    def action_back(self) -> None:
        """Leave the line that is typed in, the details, the filter, what is picked; else the screen."""
        if self.has_class("steering"):
            self._end_steering()
        elif self.has_class("-details"):
            self.action_details()
        elif self.has_class("filtering"):
            self.end_filter()
        elif self.table.picked:
            self.table.drop_picked()
            self.show_lines()
        else:
            self.dismiss()

    def draw_foot(self, width: int) -> list[Line]:
        """What can be done now."""
        run = self.table.current
        stops = run is not None and self._stopping.about == _key(run)
        return draw_foot(run, len(self.table.chosen), width, stops=stops, aside=self.table.aside)
