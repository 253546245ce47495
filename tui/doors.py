"""Which screen is shown. Each is imported when it is opened: none of them is needed for the first paint."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from textual import work
from textual.app import SuspendNotSupported
from textual.screen import ModalScreen, Screen

from agent.errors import AgentError
from agent.sanitise import clean
from remote.errors import RemoteError
from tui.chooser import Choice, Chooser
from tui.errors import TuiError
from tui.jump import JumpScreen, Target
from tui.themed import ThemedApp

if TYPE_CHECKING:
    from tui.backend import Backend, Defaults, KeyQuestion, Place, Settings, Signpost
    from tui.workspace import Workspace

_Answer = TypeVar("_Answer")


class DoorsApp(ThemedApp):
    """An app that knows its screens, and says things over each of them."""

    backend: "Backend"
    """The world, once it is open."""
    settings: "Settings"
    """What the app remembers, once the world is open."""

    # Saying things

    def complain(self, sentence: str, way_out: str = "") -> None:
        """Say what does not work, and the way out."""
        self.notify(clean(f"{sentence} {way_out}".strip()), severity="warning", markup=False, timeout=8)

    def show_status(self, sentence: str) -> None:
        """Say what was done."""
        self.notify(clean(sentence), markup=False, timeout=4)

    async def ask_trust(self, question: "KeyQuestion") -> bool:
        """Whether the user takes a host's key for that host's."""
        from tui.small_screens import HostKeyDialog

        return await self._ask(dialog := HostKeyDialog(question), dialog.answer)

    @work(group="install", exclusive=True, exit_on_error=False)
    async def offer_agent(self, agent: str, offer: str, then: Callable[[], None]) -> None:
        """Ask whether an agent is to be installed here; once it is, go on with ``then``."""
        from tui.install_dialog import InstallDialog

        if not await self._ask(dialog := InstallDialog(agent, offer), dialog.answer):
            return
        self.show_status(f"Installing {agent}: this takes a minute or so.")
        try:
            await self.backend.install_agent(agent)
        except (AgentError, RemoteError) as error:
            self.complain(str(error), error.way_out)
            return
        self.show_status(f"{agent} is installed.")
        then()

    async def ask_passphrase(self, key: str) -> str:
        """The passphrase of a private key; "" if the user gives none."""
        from tui.passphrase import PassphraseDialog

        return await self._ask(dialog := PassphraseDialog(key), dialog.answer)

    async def _ask(self, dialog: ModalScreen[None], answer: asyncio.Future[_Answer]) -> _Answer:
        self.push_screen(dialog)
        try:
            return await answer
        finally:
            # Whoever asked may have given up: then nobody is left to answer to.
            if dialog.is_current:
                self.pop_screen()

    # The only screen above the base

    def _show(self, screen: Screen[Any]) -> None:
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.switch_screen(screen)  # pyright: ignore[reportUnknownMemberType]  # Textual types it Screen[Unknown]

    def reattach(self, place: "Place") -> None:
        """Show the workspace of a session, wherever it lives."""
        from tui.workspace import Workspace

        self._show(Workspace(self.backend, place))

    def open_fresh(self, agent: str) -> None:
        """Show a workspace whose first prompt begins a session."""
        from tui.workspace import Workspace

        self._show(Workspace(self.backend, None, agent=agent))

    def show_signpost(self, place: "Place", *, certain: bool = True) -> None:
        """Show where the session is; not ``certain``: an offer of it is unanswered."""
        from tui.backend import Signpost
        from tui.signpost import SignpostScreen

        self._show(SignpostScreen(self.backend, Signpost(place=place, certain=certain)))

    # Screens over others

    @property
    def is_busy_elsewhere(self) -> bool:
        """Whether a move is on the screen, over which none of the lists is opened."""
        from tui.move_screen import MoveScreen

        return isinstance(self.screen, MoveScreen)

    def action_show_runs(self) -> None:
        """Open the list of runs."""
        from tui.runs import RunsScreen

        if not isinstance(self.screen, RunsScreen) and not self.is_busy_elsewhere:
            self.push_screen(RunsScreen(self.backend))

    def action_show_hosts(self) -> None:
        """Open the list of hosts."""
        from tui.hosts_screen import HostsScreen

        if not isinstance(self.screen, HostsScreen) and not self.is_busy_elsewhere:
            self.push_screen(HostsScreen(self.backend))

    def action_show_keys(self) -> None:
        """Open the keys page."""
        from tui.keys_screen import KeysScreen

        if not isinstance(self.screen, KeysScreen):
            self.push_screen(KeysScreen())

    def action_jump(self) -> None:
        """Show a letter at each part of the screen; the letter goes there."""
        from tui.stage import StageScreen

        screen = self.screen
        if isinstance(screen, StageScreen):
            self.push_screen(JumpScreen(screen.jump_targets()), _go)

    def action_show_sessions(self) -> None:
        """Show the project's sessions, here and on hosts, to go on with one of them."""
        from tui.workspace import Workspace

        if isinstance(self.screen, Chooser) or self.is_busy_elsewhere:
            return
        found = {_place_of(each).session_id: each for each in self.backend.sessions()}
        rows = [_row_of(each) for each in found.values()]
        if not rows:
            self.complain("There is no session of this project yet.", "Type what you want done and press Enter.")
            return

        def chosen(session_id: str | None) -> None:
            if session_id in found:
                self._go_on_with(found[session_id])

        shown = self.screen.place.session_id if isinstance(self.screen, Workspace) and self.screen.place else ""
        self.push_screen(Chooser("Sessions of this project", rows, marked=shown), chosen)

    def _go_on_with(self, found: "Place | Signpost") -> None:
        place = _place_of(found)
        if getattr(found, "certain", True):
            self.reattach(place)
        else:
            self.show_signpost(place, certain=False)

    def open_diff(self, place: "Place") -> None:
        """Show what a session changed."""
        from tui.review import DiffScreen

        self.push_screen(DiffScreen(self.backend, place))

    def open_timeline(self, workspace: "Workspace") -> None:
        """Show a session over time."""
        from tui.timeline import TimelineScreen

        self.push_screen(TimelineScreen(lambda: (workspace.state, workspace.state.at + workspace.age)))

    def open_deliveries(self, workspace: "Workspace") -> None:
        """Show what became of a session's notifications."""
        from tui.deliveries import DeliveriesScreen

        self.push_screen(DeliveriesScreen(lambda: workspace.state))

    def open_pull(self, place: "Place") -> None:
        """Show what a pull-back would do."""
        from tui.pull import Pull

        self.push_screen(Pull(self.backend, place))

    def open_handoff(self, workspace: "Workspace", host: str = "", last_word: str = "") -> None:
        """Show what a handoff would do; nothing changes by that."""
        from tui.handoff import Handoff
        from tui.hosts import choose_host
        from tui.memory import recall_terms

        try:
            hosts = self.backend.hosts()
            defaults, remembered = self._read_defaults(), self.backend.remembered()
            chosen = choose_host(workspace.place, hosts, host, remembered.host, defaults.host, self.settings.last_host)
        except (RemoteError, TuiError) as error:
            self.complain(str(error), error.way_out)
            return
        assert workspace.place is not None
        terms = recall_terms(remembered, workspace.state.budget, defaults.budget, last_word)
        self.push_screen(Handoff(self.backend, workspace.place, hosts, host=chosen, terms=terms))

    def _read_defaults(self) -> "Defaults":
        """What the project's settings say. A file that is wrong is said, and the preflight says it too."""
        from tui.backend import Defaults

        try:
            return self.backend.defaults()
        except RemoteError as error:
            self.complain(str(error), error.way_out)
            return Defaults()

    # Programs in the app's place

    def open_terminal(self, place: "Place") -> None:
        """Lend this terminal to a run's own on its host, until the user goes back."""
        if not place.host:
            self.complain("This session has no terminal of its own: it is here.", "/handoff casts it off to a host.")
            return
        self.run_worker(self._open_terminal(place), group="terminal", exclusive=True, exit_on_error=False)

    async def _open_terminal(self, place: "Place") -> None:
        try:
            await self.backend.show_terminal(place, self.lend)
        except SuspendNotSupported:
            self.complain("This terminal cannot be lent.", "Log in on the host, and use tmux there.")
        except (AgentError, RemoteError) as error:
            self.complain(str(error), error.way_out)

    @contextmanager
    def lend(self) -> Generator[None]:
        """Give the terminal up for a while. The app goes on meanwhile, hence nothing of it may be drawn."""
        with self.batch_update(), self.suspend():
            yield


def _go(target: Target | None) -> None:
    if target is not None:
        target.go()


def _place_of(found: "Place | Signpost") -> "Place":
    from tui.backend import Signpost

    return found.place if isinstance(found, Signpost) else found


def _row_of(found: "Place | Signpost") -> Choice:
    place = _place_of(found)
    where = f"on {place.host}" if place.host else "here"
    doubt = "" if getattr(found, "certain", True) else ", its host has not answered yet"
    return Choice(place.session_id, place.title, f"{where}{doubt} · {place.agent} · {place.session_id[:8]}")
