"""The app: themes, keys, and which screen is shown."""

import asyncio
import gc
import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar

from textual import events
from textual.app import SuspendNotSupported, SystemCommand
from textual.screen import ModalScreen, Screen
from textual.worker import Worker, WorkerState

from agent.errors import AgentError
from agent.events import Budget
from agent.sanitise import clean
from remote.errors import RemoteError
from remote.run import Recovered
from remote.steps import Away, Home, StillHere
from remote.terms import Terms
from tui.backend import Backend, Defaults, KeyQuestion, Place, Settings, Signpost
from tui.chooser import Choice, Chooser
from tui.clipboard import choose_route, hand_to_tool, osc_52, said_of_terminal
from tui.commands import POLICIES
from tui.deliveries import DeliveriesScreen
from tui.errors import TuiError
from tui.handoff import Handoff
from tui.hosts import choose_host
from tui.hosts_screen import HostsScreen
from tui.jump import JumpScreen, Target
from tui.keymap import BANNED, KEYS, bindings, find_clashes
from tui.keys_screen import KeysScreen
from tui.move_screen import MoveScreen
from tui.moves import Move, landed
from tui.palette import key_commands
from tui.passphrase import PassphraseDialog
from tui.pull import Pull
from tui.review import DiffScreen
from tui.runs import RunsScreen
from tui.signpost import SignpostScreen
from tui.small_screens import HostKeyDialog
from tui.stage import StageScreen, failure_words
from tui.themed import ThemedApp
from tui.timeline import TimelineScreen
from tui.verase import DELETE, is_ctrl_h, read_verase
from tui.workspace import Workspace

_Answer = TypeVar("_Answer")


class CastoffApp(ThemedApp):
    """Work with a coding agent, and cast the session off to a machine of yours."""

    TITLE = "castoff"
    BINDINGS = bindings("app")
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = "app.tcss"

    def __init__(self, backend: Backend, *, verase: bytes | None = None) -> None:
        """An app over ``backend``; ``verase`` is what `tui.verase.read_verase` says of the terminal."""
        super().__init__()
        self.backend = backend
        self._verase = verase
        self._settings = Settings()

    @property
    def handoff_key(self) -> str:
        """The handoff key to show: F8 where this terminal cannot tell Ctrl+H from Backspace."""
        return "Ctrl+H" if self._verase == DELETE else "F8"

    @property
    def keys(self) -> dict[str, str]:
        """The keys that the settings change, by binding id."""
        return self._settings.keys

    def on_mount(self) -> None:
        """Themes, keys, then the project's session."""
        try:
            self._settings = self.backend.settings()
        except TuiError as error:
            self.complain(str(error), error.way_out)
        self.load_themes(self.backend.themes(), self._settings.theme)
        self._use_keys(self._settings.keys)
        self.backend.set_trust(self._trust)
        self.backend.set_passphrase(self._ask_passphrase)
        try:
            found = self.backend.current()
            for sentence in self.backend.damaged():
                self.complain(sentence)
        except AgentError as error:
            self.complain(str(error), error.way_out)
            found = None
        self.push_screen(
            SignpostScreen(self.backend, found) if isinstance(found, Signpost) else Workspace(self.backend, found)
        )
        # Once something is seen: hosts may take their time.
        self.call_after_refresh(self.recover)

    async def on_event(self, event: events.Event) -> None:
        """Tell Ctrl+H from Backspace before any widget sees the key."""
        # A key that no widget took comes up here once more, marked as forwarded.
        if isinstance(event, events.Key) and not event.is_forwarded:
            if is_ctrl_h(event, self._verase):
                event = events.Key("ctrl+h", event.character)
            if isinstance(self.screen, MoveScreen):
                self.screen.quiet.key(time.monotonic())
            if isinstance(self.screen, KeysScreen) and self.screen.see(event):
                return
        await super().on_event(event)

    async def on_unmount(self) -> None:
        """Let go of the world; runners go on."""
        await self.backend.close()

    # Themes and keys

    def _use_keys(self, keys: dict[str, str]) -> None:
        known = {k.id for k in KEYS}
        wrong = [i for i, k in keys.items() if i not in known or (BANNED | {""}) & {p.strip() for p in k.split(",")}]
        if wrong:
            self.complain(
                f"These keys in the settings cannot be used: {', '.join(wrong)}.", "docs/keys.md lists what can."
            )
        used = {i: k for i, k in keys.items() if i not in wrong}
        if clashes := find_clashes(used):
            self.complain(f"These keys are given to more than one action: {', '.join(clashes)}.", "F4 lists all keys.")
        self.set_keymap(used)

    def change_key(self, binding_id: str, keys: str) -> None:
        """Give an action other keys, separated by commas, and remember them; its own keys are not written down."""
        own = next(k.keys for k in KEYS if k.id == binding_id)
        changed = {i: k for i, k in self.keys.items() if i != binding_id}
        if keys == own:
            keys = ""
        self._settings = self._settings.model_copy(update={"keys": changed | ({binding_id: keys} if keys else {})})
        self._write(lambda: self.backend.keep_key(binding_id, keys))
        self._use_keys(self._settings.keys)

    def keep_theme(self, name: str) -> None:
        """Remember the theme."""
        self._remember(theme=name)

    def _remember(self, **changes: str) -> None:
        self._settings = self._settings.model_copy(update=changes)
        self._write(lambda: self.backend.remember(self._settings))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self.complain(f"The settings cannot be written: {error.strerror}.")
        except TuiError as error:
            self.complain(str(error), error.way_out)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy, and say by which way: whether it arrived is not always known."""
        self._clipboard = text
        self.run_worker(self._copy(text), group="copy", exit_on_error=False)

    async def _copy(self, text: str) -> None:
        route = choose_route(os.environ, self._settings.clipboard)
        told = await asyncio.to_thread(hand_to_tool, route, text) if route.argv else ""
        if not told:
            # Without a driver there is no terminal, as in tests.
            driver = self._driver
            if driver is not None:
                driver.write(osc_52(text, in_tmux=route.in_tmux))
            told = said_of_terminal(text, route)
        self.show_status(told)

    # Saying things

    def complain(self, sentence: str, way_out: str = "") -> None:
        """Say what does not work, and the way out."""
        self.notify(clean(f"{sentence} {way_out}".strip()), severity="warning", markup=False, timeout=8)

    def show_status(self, sentence: str) -> None:
        """Say what was done."""
        self.notify(clean(sentence), markup=False, timeout=4)

    async def _trust(self, question: KeyQuestion) -> bool:
        return await self._ask(dialog := HostKeyDialog(question), dialog.answer)

    async def _ask_passphrase(self, key: str) -> str:
        return await self._ask(dialog := PassphraseDialog(key), dialog.answer)

    async def _ask(self, dialog: ModalScreen[None], answer: asyncio.Future[_Answer]) -> _Answer:
        self.push_screen(dialog)
        try:
            return await answer
        finally:
            # Whoever asked may have given up: then nobody is left to answer to.
            if dialog.is_current:
                self.pop_screen()

    # Screens

    def _show(self, screen: Screen[Any]) -> None:
        """Make ``screen`` the only one above the blank base."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.switch_screen(screen)  # pyright: ignore[reportUnknownMemberType]  # Textual types it Screen[Unknown]

    def action_show_runs(self) -> None:
        """Open the list of runs."""
        if not isinstance(self.screen, RunsScreen | MoveScreen):
            self.push_screen(RunsScreen(self.backend))

    def action_show_hosts(self) -> None:
        """Open the list of hosts."""
        if not isinstance(self.screen, HostsScreen | MoveScreen):
            self.push_screen(HostsScreen(self.backend))

    def action_show_keys(self) -> None:
        """Open the keys page."""
        if not isinstance(self.screen, KeysScreen):
            self.push_screen(KeysScreen())

    def action_jump(self) -> None:
        """Show a letter at each part of the screen; the letter goes there."""
        screen = self.screen
        if isinstance(screen, StageScreen):
            self.push_screen(JumpScreen(screen.jump_targets()), _go)

    def action_show_sessions(self) -> None:
        """Show the project's sessions, here and on hosts, to go on with one of them."""
        if isinstance(self.screen, Chooser | MoveScreen):
            return
        found = {_place_of(each).session_id: each for each in self.backend.sessions()}
        rows = [_row_of(each) for each in found.values()]
        if not rows:
            self.complain("There is no session of this project yet.", "Type what you want done and press Enter.")
            return

        def chosen(session_id: str | None) -> None:
            match found.get(session_id or ""):
                case Place() as place:
                    self.reattach(place)
                case Signpost(certain=True, place=place):
                    self.reattach(place)
                case Signpost() as signpost:
                    self._show(SignpostScreen(self.backend, signpost))
                case None:
                    pass

        shown = self.screen.place.session_id if isinstance(self.screen, Workspace) and self.screen.place else ""
        self.push_screen(Chooser("Sessions of this project", rows, marked=shown), chosen)

    def reattach(self, place: Place) -> None:
        """Show the workspace of a session, wherever it lives."""
        self._show(Workspace(self.backend, place))

    def open_fresh(self, agent: str) -> None:
        """Show a workspace whose first prompt begins a session."""
        self._show(Workspace(self.backend, None, agent=agent))

    def open_diff(self, place: Place) -> None:
        """Show what a session changed."""
        self.push_screen(DiffScreen(self.backend, place))

    def open_timeline(self, workspace: Workspace) -> None:
        """Show a session over time."""
        self.push_screen(TimelineScreen(lambda: (workspace.state, workspace.state.at + workspace.age)))

    def open_deliveries(self, workspace: Workspace) -> None:
        """Show what became of a session's notifications."""
        self.push_screen(DeliveriesScreen(lambda: workspace.state))

    def open_pull(self, place: Place) -> None:
        """Show what a pull-back would do."""
        self.push_screen(Pull(self.backend, place))

    def open_terminal(self, place: Place) -> None:
        """Lend this terminal to a run's own on its host, until the user goes back."""
        if not place.host:
            self.complain("This session has no terminal of its own: it is here.", "/handoff casts it off to a host.")
            return
        self.run_worker(self._open_terminal(place), group="terminal", exclusive=True, exit_on_error=False)

    async def _open_terminal(self, place: Place) -> None:
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

    def show_signpost(self, place: Place) -> None:
        """Show where the session is."""
        self._show(SignpostScreen(self.backend, Signpost(place=place)))

    def open_handoff(self, workspace: Workspace, host: str = "", last_word: str = "") -> None:
        """Show what a handoff would do; nothing changes by that."""
        try:
            hosts = self.backend.hosts()
            defaults = self._read_defaults()
            chosen = choose_host(workspace.place, hosts, host, defaults.host, self._settings.last_host)
        except (RemoteError, TuiError) as error:
            self.complain(str(error), error.way_out)
            return
        assert workspace.place is not None
        budget = workspace.state.budget
        terms = Terms(say=last_word, budget=defaults.budget if budget == Budget() else budget)
        self.push_screen(Handoff(self.backend, workspace.place, hosts, host=chosen, terms=terms))

    def _read_defaults(self) -> Defaults:
        """What the project's settings say. A file that is wrong is said, and the preflight says it too."""
        try:
            return self.backend.defaults()
        except RemoteError as error:
            self.complain(str(error), error.way_out)
            return Defaults()

    # Moves

    def drive(self, move: Move[Any], place: Place) -> None:
        """Run a move of the session at ``place`` to its end, whatever screen is shown."""
        self.run_worker(self._drive(move, place), group="move", exit_on_error=False)

    async def _drive(self, move: Move[Any], place: Place) -> None:
        try:
            await move.drive()
        finally:
            if move.end is not None and move.agreed:
                self._move_ended(move, place, move.end)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A move that failed in a way nobody foresaw says so."""
        if event.state is WorkerState.ERROR:
            self.complain(failure_words(event))

    def _workspaces(self, session_id: str) -> list[Workspace]:
        return [
            s for s in self.screen_stack if isinstance(s, Workspace) and s.place and s.place.session_id == session_id
        ]

    def move_begins(self, place: Place, host: str = "") -> None:
        """The user agreed to a move, to ``host`` or home: the workspace lets go of the runner."""
        if host:
            self._remember(last_host=host)
        for workspace in self._workspaces(place.session_id):
            workspace.suspend_bridge()

    def _move_ended(self, move: Move[Any], place: Place, end: Away | Home | StillHere) -> None:
        """Where the session stayed, the workspace follows it again; a screen that is still there says the rest."""
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

    # Moves that were cut

    def recover(self) -> None:
        """Settle what earlier moves left unfinished, whatever screen is shown."""
        self.run_worker(self._recover(), group="recover", exit_on_error=False)

    async def _recover(self) -> None:
        try:
            async for each in self.backend.recover():
                self._recovered(each)
        except (AgentError, RemoteError) as error:
            self.complain(str(error), error.way_out)

    def _recovered(self, each: Recovered) -> None:
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

    # The palette

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the screen and of the app, and every theme and policy."""
        yield from key_commands(self, screen)
        for theme in self.themes:
            yield SystemCommand(f"Theme: {theme.title}", "Change the colours", _choose(self, theme.name))
        if isinstance(screen, Workspace):
            for policy in POLICIES:
                yield SystemCommand(
                    f"Policy: {policy.replace('-', ' ')}",
                    "What the agent may do without asking",
                    _policy(screen, policy),
                )


def _go(target: Target | None) -> None:
    if target is not None:
        target.go()


def _place_of(found: Place | Signpost) -> Place:
    return found.place if isinstance(found, Signpost) else found


def _row_of(found: Place | Signpost) -> Choice:
    place = _place_of(found)
    where = f"on {place.host}" if place.host else "here"
    doubt = "" if not isinstance(found, Signpost) or found.certain else ", its host has not answered yet"
    return Choice(place.session_id, place.title, f"{where}{doubt} · {place.agent} · {place.session_id[:8]}")


def _choose(app: CastoffApp, name: str) -> Any:
    return lambda: app.choose_theme(name)


def _policy(screen: Workspace, policy: Any) -> Any:
    return lambda: screen.command(lambda viewer: viewer.set_policy(policy))


def rest_collector() -> None:
    """Look for dead cycles less often, and never in what the program itself is made of.

    A long session is a great many objects that live: to look through all of them takes several frames.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def start(backend: Backend) -> None:
    """Run the app on this terminal until the user leaves it."""
    # What a parent exported of a terminal's size (as readline does) is of another terminal, or of an earlier moment.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    rest_collector()
    CastoffApp(backend, verase=read_verase()).run()
