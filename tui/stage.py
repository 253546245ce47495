"""What screens ask of the app: to say something, to show another screen, to drive a move."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from textual import on
from textual.events import Key
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from remote.run import Run
from tui.backend import Place
from tui.jump import Target
from tui.messages import Complained
from tui.moves import Move

if TYPE_CHECKING:
    from tui.workspace import Workspace

R = TypeVar("R")


class Stage(Protocol):
    """The app, as screens see it."""

    @property
    def handoff_key(self) -> str:
        """The handoff key to show."""
        ...

    @property
    def keys(self) -> dict[str, str]:
        """The keys that the settings change, by binding id."""
        ...

    def change_key(self, binding_id: str, keys: str) -> None:
        """Give an action other keys, and remember them."""
        ...

    def complain(self, sentence: str, way_out: str = "") -> None:
        """Say what does not work, and the way out."""
        ...

    def offer_agent(self, agent: str, offer: str, then: Callable[[], None]) -> object:
        """Ask whether an agent is to be installed here; once it is, go on with ``then``."""
        ...

    def show_status(self, sentence: str) -> None:
        """Say what was done."""
        ...

    def choose_theme(self, name: str) -> None:
        """Use a theme by name, or the next one."""
        ...

    def reattach(self, place: Place) -> None:
        """Show the workspace of a session, wherever it lives."""
        ...

    def open_fresh(self, agent: str) -> None:
        """Show a workspace whose first prompt begins a session."""
        ...

    def open_diff(self, place: Place) -> None:
        """Show what a session changed."""
        ...

    def open_timeline(self, workspace: "Workspace") -> None:
        """Show a session over time."""
        ...

    def open_deliveries(self, workspace: "Workspace") -> None:
        """Show what became of a session's notifications."""
        ...

    def open_pull(self, place: Place) -> None:
        """Show what a pull-back would do."""
        ...

    def pull_several(self, runs: Sequence[Run]) -> None:
        """Take runs home one after the other, but those where a decision is the user's."""
        ...

    def open_handoff(self, workspace: "Workspace", host: str = "", last_word: str = "") -> None:
        """Show what a handoff would do."""
        ...

    def open_terminal(self, place: Place) -> None:
        """Lend this terminal to a run's own on its host, until the user goes back."""
        ...

    def lend(self) -> AbstractContextManager[None]:
        """Give the terminal up for the length of the context."""
        ...

    def action_show_hosts(self) -> None:
        """Show the hosts, and what they have."""
        ...

    def show_signpost(self, place: Place) -> None:
        """Show where a session is."""
        ...

    def drive(self, move: Move[Any], place: Place) -> None:
        """Run a move of the session at ``place`` to its end, whatever screen is shown."""
        ...

    def move_begins(self, place: Place, host: str = "") -> None:
        """The user agreed to a move: to ``host``, or home."""
        ...

    def copy_to_clipboard(self, text: str) -> None:
        """Send text to the terminal's clipboard."""
        ...


class StageScreen(Screen[R]):
    """A screen of ours: it knows the app by what it may ask of it."""

    part: ClassVar[str] = ""
    """The part of the keymap that is the screen's own."""

    @property
    def castoff(self) -> Stage:
        """The app."""
        return cast(Stage, self.app)  # pyright: ignore[reportUnknownMemberType]  # Textual types it App[Unknown]

    def jump_targets(self) -> list[Target]:
        """Where jump mode can go on this screen: all that can have the focus."""
        return [Target(w.id or type(w).__name__, w.region.offset, w.focus) for w in self.focus_chain]

    def see(self, event: Key) -> bool:
        """See a key before anything acts on it; whether it is used up by that."""
        return False

    @on(Complained)
    def complained(self, message: Complained) -> None:
        """What does not work here is said by the app."""
        self.castoff.complain(message.sentence, message.way_out)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed in a way nobody foresaw says so instead of dying in silence."""
        if event.state is WorkerState.ERROR:
            self.castoff.complain(failure_words(event))


def failure_words(event: Worker.StateChanged) -> str:
    """What to say of a failed worker."""
    worker = cast("Worker[object]", event.worker)  # pyright: ignore[reportUnknownMemberType]  # Worker[Unknown]
    error = worker.error
    return f"Something in castoff itself failed ({worker.group}): {type(error).__name__}: {error}"
