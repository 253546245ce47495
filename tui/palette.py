"""The palette's commands: every action of the screen shown and of the app, by name."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from agent.events import Policy
from agent.sanitise import clean
from tui.commands import POLICIES
from tui.composer import Composer
from tui.keymap import KEYS
from tui.knob_commands import describe
from tui.move_screen import MoveScreen
from tui.stage import StageScreen
from tui.transcript import Transcript
from tui.workspace import Workspace

_MOST_CHOICES = 50


def key_commands(app: App[None], screen: Screen[Any]) -> list[SystemCommand]:
    """A command for each line of the keymap that applies on ``screen``."""
    panes: dict[str, Any] = {"app": app}
    if isinstance(screen, StageScreen) and screen.part:
        panes[screen.part] = screen
    if isinstance(screen, Workspace):
        panes["composer"] = screen.query_one(Composer)
        panes["transcript"] = screen.query_one(Transcript)
    return [
        SystemCommand(key.name, key.what, _runner(app, panes[key.where], key.action))
        for key in KEYS
        if key.where in panes and key.id != "app.palette"
    ]


def policy_commands(screen: Screen[Any]) -> list[SystemCommand]:
    """A command for each permission policy, where there is a session."""
    what = "What the agent may do without asking"
    if not isinstance(screen, Workspace):
        return []
    return [SystemCommand(f"Policy: {name.replace('-', ' ')}", what, _chooser(screen, name)) for name in POLICIES]


def knob_commands(screen: Screen[Any]) -> list[SystemCommand]:
    """A command for each value of what the session's agent lets its user choose."""
    if not isinstance(screen, Workspace):
        return []
    return [
        SystemCommand(
            clean(f"{knob.name}: {choice.name}", single_line=True),
            clean(describe(choice, screen.state.policy), single_line=True),
            _turner(screen, knob.id, choice.value),
        )
        for knob in screen.state.knobs
        for choice in knob.choices[:_MOST_CHOICES]
    ]


def _turner(screen: Workspace, knob: str, value: str) -> Callable[[], None]:
    return lambda: screen.command(lambda viewer: viewer.choose(knob, value))


def _chooser(screen: Workspace, policy: Policy) -> Callable[[], None]:
    return lambda: screen.command(lambda viewer: viewer.set_policy(policy))


def _runner(app: App[None], node: Any, action: str) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        if isinstance(node, MoveScreen):
            # What was chosen by name was not pressed in haste.
            node.quiet.counts = True
        await app.run_action(action, node)

    return run
