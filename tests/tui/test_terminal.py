"""The app in a real terminal: tmux with raw bytes. The world behind it is the double; the bytes are not."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.tui import recorded
from tests.tui.doubles import DoubleBackend, DoubleMove
from tui.app import start
backend = DoubleBackend(recorded.working())
backend.out = DoubleMove(list(recorded.HANDOFF))
start(lambda: backend)
Path(sys.argv[1]).write_text(repr(backend.out.decisions))
"""


class Terminal:
    """One tmux server of its own."""

    def __init__(self, report: Path) -> None:
        self._server = ["tmux", "-L", f"castoff-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        self.report = report

    def run(self, *words: str) -> str:
        return subprocess.run([*self._server, *words], check=True, capture_output=True, text=True).stdout

    def start(self, setup: str = "true") -> None:
        program = [sys.executable, "-I", "-c", PROGRAM, str(self.report)]
        shell = f'{setup}; exec "$@"'
        # Whatever started the app may have told it the size of another terminal.
        surroundings = ["env", "-u", "NO_COLOR", "COLUMNS=120", "LINES=40"]
        self.run("new-session", "-d", "-x", "100", "-y", "30", *surroundings, "sh", "-c", shell, "sh", *program)

    def send(self, *codes: str) -> None:
        """Raw bytes, in one burst."""
        self.run("send-keys", "-H", *codes)

    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    def wait(self, text: str, *, gone: bool = False) -> str:
        shown = ""

        def is_as_wished() -> bool:
            nonlocal shown
            shown = self.screen()
            return (text in shown) is not gone

        wait_until(is_as_wished, why=f"{text!r} never {'went' if gone else 'came'}")
        return shown

    def quit(self) -> str:
        self.send("11")
        return wait_until(lambda: self.report.read_text() if self.report.exists() else "")

    def kill(self) -> None:
        subprocess.run([*self._server, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path / "report")
    yield found
    found.kill()


def test_backspace_deletes_and_ctrl_h_opens_without_handing_off(terminal: Terminal) -> None:
    terminal.start()
    terminal.wait("Ask the agent")
    terminal.send("61", "62", "63", "7f")
    terminal.wait("› ab")
    terminal.send("08")
    terminal.wait("Cast off")
    terminal.wait("Travels")
    terminal.send("1b")
    shown = terminal.wait("Travels", gone=True)
    assert "› ab" in shown
    assert terminal.quit() == "['cancel']"


def test_a_burst_of_ctrl_h_and_enter_opens_the_screen_and_no_more(terminal: Terminal) -> None:
    terminal.start()
    terminal.wait("Ask the agent")
    terminal.send("08", "08", "08", "0d")
    terminal.wait("Travels")
    assert "You can close the laptop" not in terminal.screen()
    assert terminal.quit() in ("[]", "['cancel']")


def test_where_ctrl_h_erases_it_deletes(terminal: Terminal) -> None:
    terminal.start("stty erase ^H")
    terminal.wait("F8 casts off")
    terminal.send("61", "62", "63", "08")
    terminal.wait("› ab")
    assert "Travels" not in terminal.screen()
    terminal.send("1b", "5b", "31", "39", "7e")
    terminal.wait("Travels")
    assert terminal.quit() in ("[]", "['cancel']")
