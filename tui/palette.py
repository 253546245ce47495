"""The palette's commands: every action of the screen shown and of the app, by name."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from tui.composer import Composer
from tui.handoff import Handoff
from tui.hosts_screen import HostsScreen
from tui.keymap import KEYS
from tui.keys_screen import KeysScreen
from tui.move_screen import MoveScreen
from tui.pull import Pull
from tui.review import DiffScreen
from tui.runs import RunsScreen
from tui.signpost import SignpostScreen
from tui.transcript import Transcript
from tui.workspace import Workspace

_PARTS: dict[type[Screen[Any]], str] = {
    Workspace: "workspace", Handoff: "handoff", Pull: "pull", RunsScreen: "runs", DiffScreen: "diff",
    SignpostScreen: "away", KeysScreen: "keys", HostsScreen: "hosts",
}  # fmt: skip


def key_commands(app: App[None], screen: Screen[Any]) -> list[SystemCommand]:
    """A command for each line of the keymap that applies on ``screen``."""
    panes: dict[str, Any] = {"app": app}
    if part := _PARTS.get(type(screen)):
        panes[part] = screen
    if isinstance(screen, Workspace):
        panes["composer"] = screen.query_one(Composer)
        panes["transcript"] = screen.query_one(Transcript)
    return [
        SystemCommand(key.name, key.what, _runner(app, panes[key.where], key.action))
        for key in KEYS
        if key.where in panes and key.id != "app.palette"
    ]


def _runner(app: App[None], node: Any, action: str) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        if isinstance(node, MoveScreen):
            # What was chosen by name was not pressed in haste.
            node.quiet.counts = True
        await app.run_action(action, node)

    return run
