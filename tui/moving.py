"""Moves that outlive the screens they began on, and those that were cut."""

from typing import TYPE_CHECKING, Any

from textual.worker import Worker, WorkerState

from agent.errors import AgentError
from remote.errors import RemoteError
from tui.doors import DoorsApp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remote.run import Recovered, Run
    from remote.steps import Away, Home, StillHere
    from tui.backend import Place
    from tui.moves import Move
    from tui.workspace import Workspace


class MovingApp(DoorsApp):
    """An app that drives moves of sessions to their end, whatever screen is shown."""

    def drive(self, move: "Move[Any]", place: "Place") -> None:
        """Run a move of the session at ``place`` to its end."""
        self.run_worker(self._drive(move, place), group="move", exit_on_error=False)

    async def _drive(self, move: "Move[Any]", place: "Place") -> None:
        try:
            await move.drive()
        finally:
            if move.end is not None and move.agreed:
                self._move_ended(move, place, move.end)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A move that failed in a way nobody foresaw says so."""
        from tui.stage import failure_words

        if event.state is WorkerState.ERROR:
            self.complain(failure_words(event))

    def _workspaces(self, session_id: str) -> "list[Workspace]":
        from tui.workspace import Workspace

        return [
            s for s in self.screen_stack if isinstance(s, Workspace) and s.place and s.place.session_id == session_id
        ]

    def remember_host(self, host: str) -> None:
        """Remember the host of the last handoff."""
        raise NotImplementedError

    def move_begins(self, place: "Place", host: str = "") -> None:
        """The user agreed to a move, to ``host`` or home: the workspace lets go of the runner."""
        if host:
            self.remember_host(host)
        for workspace in self._workspaces(place.session_id):
            workspace.suspend_bridge()

    def _move_ended(self, move: "Move[Any]", place: "Place", end: "Away | Home | StillHere") -> None:
        """Where the session stayed, the workspace follows it again; a screen that is still there says the rest."""
        from remote.steps import Away, Home, StillHere
        from tui.move_screen import MoveScreen
        from tui.moves import landed

        if isinstance(end, StillHere):
            for workspace in self._workspaces(place.session_id):
                workspace.begin(place)
        if any(isinstance(s, MoveScreen) and s.move is move for s in self.screen_stack):
            return
        match end:
            case Away():
                self.show_status(f"The session is on {end.host} now.")
                self.show_signpost(landed(place, end))
            case Home():
                self.show_status("The session is here again.")
                self.reattach(landed(place, end))
            case StillHere():
                self.complain(end.reason, end.way_out)

    def pull_several(self, runs: "Sequence[Run]") -> None:
        """Take runs home one after the other, but those where a decision is the user's."""
        self.run_worker(self._pull_several(runs), group="move", exit_on_error=False)

    async def _pull_several(self, runs: "Sequence[Run]") -> None:
        from tui.bulk import PULL, Outcome, told
        from tui.bulk_pull import pull_one
        from tui.moves import landed
        from tui.runs import run_place

        outcomes: list[Outcome] = []
        for run in runs:
            self.show_status(f"Taking {run.title} home from {run.host} …")
            outcome, end = await pull_one(self.backend, run, self.move_begins)
            outcomes.append(outcome)
            place = run_place(run)
            for workspace in self._workspaces(run.run_id):
                if workspace.is_suspended:
                    workspace.begin(landed(place, end) if end is not None else place)
        (self.complain if any(each.fault for each in outcomes) else self.show_status)(told(PULL, outcomes))

    # Moves that were cut

    def recover(self) -> None:
        """Settle what earlier moves left unfinished."""
        self.run_worker(self._recover(), group="recover", exit_on_error=False)

    async def _recover(self) -> None:
        try:
            async for each in self.backend.recover():
                self._recovered(each)
        except (AgentError, RemoteError) as error:
            self.complain(str(error), error.way_out)

    def _recovered(self, each: "Recovered") -> None:
        from tui.signpost import SignpostScreen

        if not each.settled or each.result == "moving":
            # Of another project's session only what has to be decided; the rest is for `castoff recover`.
            if each.project == self.backend.project or each.result == "lost":
                self.complain(f"{each.title}: {each.sentence}", each.choices[0] if each.choices else "")
            return
        self.show_status(f"{each.title}: {each.sentence}")
        screen = self.screen
        if isinstance(screen, SignpostScreen) and screen.signpost.place.session_id == each.session_id:
            place = screen.signpost.place
            if each.result in ("here", "home"):
                self.reattach(place.model_copy(update={"host": ""}))
            else:
                self.show_signpost(place)
