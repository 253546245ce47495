"""Two apps on one session, in two real terminals: both cast it off, both pull it; one does, the other is told."""

import asyncio
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from agent.lease import read_lease
from tests.e2e.journey import assert_unbroken, fill_project, wait_for_run
from tests.e2e.scene import Scene, start_task
from tests.e2e.terminal import Terminal
from tests.waiting import wait_until

_TOLD = "Another castoff is moving this session."


@pytest.fixture
def apps() -> Generator[list[Terminal]]:
    terminals = [Terminal(), Terminal()]
    yield terminals
    for terminal in terminals:
        terminal.close()


def open_app(terminal: Terminal, project: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}
    terminal.start([sys.executable, "-I", "-m", "tui.cli"], env, project, (120, 40))


def press_in_both(apps: list[Terminal], key: str, offer: str) -> tuple[Terminal, Terminal]:
    """Press ``key`` in both; returns the one that is offered to go on, and the other one, which was told."""
    for app in apps:
        app.press(key)
    shows: Callable[[Terminal, str], bool] = lambda app, text: text in app.screen()  # noqa: E731
    wait_until(
        lambda: any(shows(app, offer) for app in apps) and any(shows(app, _TOLD) for app in apps),
        why=f"{offer!r} and {_TOLD!r}: {[app.screen() for app in apps]}",
    )
    first, second = apps if shows(apps[0], offer) else reversed(apps)
    assert "From here, nothing was moved." in second.screen() and _TOLD not in first.screen()
    return first, second


def cast_off_and_come_home(apps: list[Terminal], project: Path) -> None:
    for app in apps:
        open_app(app, project)
    for app in apps:
        app.wait("here · builtin", "● working")
    first, second = press_in_both(apps, "C-h", "Enter cast off")
    first.answer("Enter cast off", "You can close the laptop", seconds=120)
    second.press("Escape")
    second.wait("The session is on embedded now.")
    first.answer("Enter reattach", "embedded · builtin")
    second.press("C-q")
    second.wait_for_end()
    open_app(second, project)
    second.wait("This session is on embedded.")
    second.press("Enter")
    for app in apps:
        app.wait("embedded · builtin", "✓ finished", seconds=120)
    first, second = press_in_both(apps, "C-l", "Enter take it home")
    first.answer("Enter take it home", "✓ The session is here again.", seconds=120)
    second.press("Escape")
    second.wait("does not live here any more")
    first.answer("Enter go on here", "here · builtin", "✓ finished")
    for app in apps:
        app.press("C-q")
        app.wait_for_end()


@pytest.mark.timeout(900)
async def test_two_apps_cast_off_and_pull_at_once(scene: Scene, apps: list[Terminal]) -> None:
    fill_project(scene.place)
    session = await start_task(scene)
    await asyncio.to_thread(cast_off_and_come_home, apps, scene.place.project)
    assert read_lease(session).state == "held"
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "drained")
    assert_unbroken(session)
    assert (scene.place.project / "made.txt").read_text() == "one\nmore\n"
