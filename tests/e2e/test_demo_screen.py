"""The demo on screen: a real tmux, real keystrokes, the real host; twice, and once the app is killed in between."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.demo_model.script import TESTS
from agent.fold import advance
from agent.journal import read_events
from agent.lease import read_lease
from agent.sessions import SessionDir, list_sessions
from agent.state import SessionState
from tests.e2e.journey import assert_unbroken
from tests.e2e.laptop import git
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.timeout(400)

WIDE, NARROW = (120, 40), (80, 24)
PACE = "0.4"
"""Of the model's pauses: some 15 s are left of its task when the plan's first step is done."""


@dataclass(frozen=True)
class DemoOnScreen:
    """A user's terminal, and the places of the demo."""

    terminal: Terminal
    env: dict[str, str]
    root: Path

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def session(self) -> SessionDir:
        (session,) = list_sessions(self.root / "state")
        return session

    def castoff(self, *argv: str) -> list[str]:
        return [sys.executable, "-I", "-m", "tui.cli", "demo", *argv]

    def start(self, size: tuple[int, int]) -> None:
        self.terminal.start(self.castoff("--pace", PACE), self.env, self.root.parent, size)

    def reset(self) -> str:
        argv = self.castoff("--reset")
        return subprocess.run(argv, env=self.env, check=True, capture_output=True, text=True).stdout

    def begin_anew(self) -> None:
        """Forget the session and its project, but keep the host, whose installation takes long."""
        shutil.rmtree(self.session.path)
        shutil.rmtree(self.project)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Generator[DemoOnScreen]:
    """One demo for this module, removed after it."""
    place = tmp_path_factory.mktemp("user")
    env = {name: os.environ[name] for name in os.environ if name not in ("TMUX", "NO_COLOR", "CASTOFF_DEMO")}
    env |= {f"CASTOFF_{name}": str(place / name.lower()) for name in ("STATE", "CONFIG", "DATA")}
    (place / "state").mkdir()
    found = DemoOnScreen(Terminal(), env, place / "state" / "demo")
    try:
        yield found
    finally:
        found.terminal.close()
        assert "The demo is gone" in found.reset()
        assert not found.root.exists()


def cast_off(demo: DemoOnScreen, size: tuple[int, int]) -> None:
    """Begin, and press Ctrl+H in the middle of the task, until the laptop can be closed."""
    terminal = demo.terminal
    demo.start(size)
    terminal.wait("demo model: no key, no network, its lines are written in advance")
    # The first time the host's runtime is installed before; that takes its time on a busy machine.
    terminal.wait("1 of 6" if size == WIDE else "Plan 1/6", "● working", seconds=240)
    terminal.press("C-h")
    shown = terminal.wait("Travels", "Sandbox", "Enter cast off", "to  demo")
    assert "1 staged" in shown
    # What stays is a list; in a small screen its end may be below.
    assert size == NARROW or "environment and logins" in shown
    terminal.answer("Enter cast off", "You can close the laptop")


def assert_home(demo: DemoOnScreen) -> None:
    """The work is here, green, and one unbroken session that worked on both sides."""
    text = {name: (demo.project / name).read_text() for name in ("README.md", "kettle/teas.py", "kettle/__main__.py")}
    assert "--infusion 3" in text["README.md"] and "infusion" in text["kettle/__main__.py"]
    assert "genmaicha" in text["kettle/teas.py"]
    status = git(demo.project, demo.env, "status", "--short").splitlines()
    assert "MM kettle/teas.py" in status and "?? notes/" in status
    tests = subprocess.run(["/bin/sh", "-c", TESTS], cwd=demo.project, capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert_unbroken(demo.session)
    assert read_lease(demo.session).state == "held"
    tools = [event.epoch for event in read_events(demo.session.journal) if event.kind == "tool_call"]
    assert {1, 2} <= set(tools)


def test_the_whole_journey(demo: DemoOnScreen) -> None:
    terminal = demo.terminal
    cast_off(demo, WIDE)
    shown = terminal.wait("conversation resumed", "castoff demo, in any terminal")
    assert "40 files" in shown
    terminal.press("C-q")
    shown = terminal.wait_for_end(120)
    assert "Your phone" in shown and "castoff: Mend the kettle finished" in shown and "6 of 6 steps done" in shown

    demo.start(WIDE)
    terminal.wait("This session is on demo.", "Enter reattach")
    terminal.press("C-r")
    terminal.wait("Runs  1", "Mend the kettle", "✓ finished", "plan ██████ 6/6")
    terminal.press("t")
    terminal.wait("-- finished", "q goes back")
    terminal.press("C-c")
    terminal.press("q")
    terminal.wait("Runs  1", "Mend the kettle", "✓ finished", "plan ██████ 6/6")
    terminal.press("Enter")
    shown = terminal.wait("demo · builtin · ✓ finished", "6 of 6", "since it came to demo", "kettle/durations.py")
    assert "Done. The tests that failed now pass." in shown and "Ctrl+L pulls it back" in shown
    terminal.type("Is the third infusion tested too?")
    terminal.wait("I am the demo model; my lines are written in advance", "3 turns", "✓ finished")

    terminal.press("C-l")
    terminal.wait("files would change here", "± README.md", "Enter take it home")
    terminal.answer("Enter take it home", "✓ The session is here again.")
    terminal.answer("Enter go on here", "here · builtin", "back home", "conversation resumed", "✓ finished")
    terminal.type("And now here?")
    terminal.wait("4 turns", "› And now here?", "✓ finished")
    assert_home(demo)
    terminal.type("/stop")
    terminal.wait("■ stopped")
    terminal.press("C-q")
    assert "The session is here." in terminal.wait_for_end()


def test_the_app_is_killed_while_the_session_is_away(demo: DemoOnScreen) -> None:
    demo.begin_anew()
    terminal = demo.terminal
    cast_off(demo, NARROW)
    # Whether it still works, and what of the transcript is in view by now, is the run's own business.
    terminal.answer("Enter reattach", "demo · builtin ·")
    terminal.kill_program()

    demo.start(NARROW)
    terminal.wait("This session is on demo.")
    terminal.press("Enter")
    terminal.wait("Plan 6/6", "demo · builtin · ✓ finished", seconds=120)
    terminal.press("C-l")
    terminal.wait("files would change here", "Enter take it home")
    terminal.answer("Enter take it home", "✓ The session is here again.")
    terminal.answer("Enter go on here", "here · builtin", "back home", "conversation resumed", "✓ finished")
    terminal.press("C-t")
    terminal.press("C-t")
    terminal.wait("▸Diff 4", "4 files +8 −5")
    assert_home(demo)
    state = advance(SessionState(), read_events(demo.session.journal))
    assert state.turns == 2
    terminal.type("/stop")
    terminal.wait("■ stopped")
    terminal.press("C-q")
    terminal.wait_for_end()
