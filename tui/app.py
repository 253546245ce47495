"""The app: its first paint, then the world, the settings and the project's session; and what keys do."""

import gc
import importlib
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import SystemCommand
from textual.screen import Screen

from agent.errors import AgentError
from tui.errors import TuiError
from tui.keymap import BANNED, KEYS, bindings, find_clashes
from tui.opening import Opening
from tui.sleeping import SleepingApp
from tui.verase import DELETE, is_ctrl_h, read_verase

if TYPE_CHECKING:
    from tui.backend import Backend


class CastoffApp(SleepingApp):
    """Work with a coding agent, and cast the session off to a machine of yours."""

    TITLE = "castoff"
    BINDINGS = bindings("app")
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = "app.tcss"

    def __init__(self, open_world: "Callable[[], Backend]", *, verase: bytes | None = None) -> None:
        """An app over what ``open_world`` gives after the first paint; ``verase``: see `tui.verase.read_verase`."""
        # Without colours, text is told apart as in a terminal of sixteen: by weight, lines and marks.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        # Until the chosen theme is read, in the terminal's own colours: nothing flashes.
        self.theme = "ansi-dark"
        self._open_world = open_world
        self._verase = verase
        self._early: list[events.Event] | None = []
        """What was typed before there was anything to take it; ``None`` from then on."""

    @property
    def handoff_key(self) -> str:
        """The handoff key to show: F8 where this terminal cannot tell Ctrl+H from Backspace."""
        return "Ctrl+H" if self._verase == DELETE else "F8"

    @property
    def keys(self) -> dict[str, str]:
        """The keys that the settings change, by binding id."""
        return self.settings.keys

    # The beginning

    def get_default_screen(self) -> Screen[Any]:
        """What is painted first, and lies below all screens."""
        return Opening()

    async def on_ready(self) -> None:
        """Something is painted: now the world, themes, keys, and the project's session."""
        from tui.backend import Settings

        self.backend = self._open_world()
        try:
            self.settings = self.backend.settings()
        except TuiError as error:
            self.settings = Settings()
            self.complain(str(error), error.way_out)
        self.load_themes(self.backend.themes(), self.settings.theme)
        self._use_keys(self.settings.keys)
        self.backend.set_trust(self.ask_trust)
        self.backend.set_passphrase(self.ask_passphrase)
        # Once the theme's style sheets are there.
        self.call_next(self._enter)

    async def _enter(self) -> None:
        with self.batch_update():
            await self.push_screen(self._first_screen())
        # Once the composer has the focus.
        self.call_after_refresh(self._take_early)
        # Hosts may take their time.
        self.call_after_refresh(self.recover)
        self.call_after_refresh(self.watch_sleep)

    def _first_screen(self) -> Screen[Any]:
        from tui.backend import Signpost
        from tui.workspace import Workspace

        try:
            found = self.backend.current()
            for sentence in self.backend.damaged():
                self.complain(sentence)
        except AgentError as error:
            self.complain(str(error), error.way_out)
            found = None
        if not isinstance(found, Signpost):
            return Workspace(self.backend, found)
        from tui.signpost import SignpostScreen

        return SignpostScreen(self.backend, found)

    async def _take_early(self) -> None:
        early, self._early = self._early or [], None
        for event in early:
            await self.on_event(event)

    async def on_event(self, event: events.Event) -> None:
        """Tell Ctrl+H from Backspace before any widget sees the key."""
        if self._early is not None and isinstance(event, events.Key | events.Paste):
            self._early.append(event)
            return
        # A key that no widget took comes up here once more, marked as forwarded.
        if isinstance(event, events.Key) and not event.is_forwarded:
            from tui.stage import StageScreen

            if is_ctrl_h(event, self._verase):
                event = events.Key("ctrl+h", event.character)
            if isinstance(self.screen, StageScreen) and self.screen.see(event):
                return
        await super().on_event(event)

    async def on_unmount(self) -> None:
        """Let go of the world; runners go on."""
        if hasattr(self, "backend"):
            await self.backend.close()

    # Settings

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
        self.settings = self.settings.model_copy(update={"keys": changed | ({binding_id: keys} if keys else {})})
        self._write(lambda: self.backend.keep_key(binding_id, keys))
        self._use_keys(self.settings.keys)

    def keep_theme(self, name: str) -> None:
        """Remember the theme."""
        self._remember(theme=name)

    def remember_host(self, host: str) -> None:
        """Remember the host of the last handoff."""
        self._remember(last_host=host)

    def _remember(self, **changes: str) -> None:
        self.settings = self.settings.model_copy(update=changes)
        self._write(lambda: self.backend.remember(self.settings))

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self.complain(f"The settings cannot be written: {error.strerror}.")
        except TuiError as error:
            self.complain(str(error), error.way_out)

    # Copies

    def copy_to_clipboard(self, text: str) -> None:
        """Copy, and say by which way: whether it arrived is not always known."""
        self._clipboard = text
        self.run_worker(self._copy(text), group="copy", exit_on_error=False)

    async def _copy(self, text: str) -> None:
        from tui.clipboard import copy

        # Without a driver there is no terminal, as in tests.
        write = self._driver.write if self._driver is not None else None
        self.show_status(await copy(text, os.environ, self.settings.clipboard, write))

    # The palette

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the screen and of the app, and every theme and policy."""
        from tui.palette import key_commands, knob_commands, policy_commands

        yield from key_commands(self, screen)
        for theme in self.themes:
            yield SystemCommand(f"Theme: {theme.title}", "Change the colours", partial(self.choose_theme, theme.name))
        yield from policy_commands(screen)
        yield from knob_commands(screen)


def rest_collector() -> None:
    """Look for dead cycles less often, and never in what the program itself is made of.

    A long session is a great many objects that live: to look through all of them takes several frames.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def start(open_world: "Callable[[], Backend]") -> None:
    """Run the app on this terminal until the user leaves it; ``open_world`` is called after the first paint."""
    # What a parent exported of a terminal's size (as readline does) is of another terminal, or of an earlier moment.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)

    def open_rested() -> "Backend":
        world = open_world()
        importlib.import_module("tui.workspace")  # what is imported by now never dies

        rest_collector()
        return world

    CastoffApp(open_rested, verase=read_verase()).run()


def run_app(project: Path, *, demo: bool = False) -> None:
    """Run the app for ``project`` on this terminal until the user leaves it."""
    from agent.paths import config_dir, state_dir

    for directory in (state_dir, config_dir):
        directory()  # one that cannot be used is told before the screen is taken

    def open_world() -> "Backend":
        from tui.wiring import World

        return World(project, demo=demo)

    start(open_world)
