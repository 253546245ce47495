"""A real terminal for end-to-end tests: a tmux server of its own, keystrokes in, the screen out."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Terminal:
    """One pane at a time; what ran in it last can still be read after its end."""

    def __init__(self) -> None:
        self._server = ["tmux", "-L", _socket(), "-f", os.devnull]

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._server, *words], check=True, capture_output=True, text=True).stdout

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, size: tuple[int, int]) -> None:
        """Run a program in a fresh pane; the one before it must have ended."""
        columns, rows = map(str, size)
        variables = [f"{name}={value}" for name, value in env.items()]
        program = ["env", "-i", *variables, "TERM=tmux-256color", *argv]
        options = ["set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "status", "off", ";"]
        self.close()
        # A server that is ending may still take the next program in, and end with it.
        self._server[2] = _socket()
        self._run(*options, "new-session", "-d", "-x", columns, "-y", rows, "-c", str(cwd), "--", *program)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: ``C-h`` is the byte 0x08."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Text, and Enter."""
        self._run("send-keys", "-l", "--", text)
        self.press("Enter")

    def screen(self) -> str:
        """What is shown, without blanks at the ends of lines."""
        return "\n".join(row.rstrip() for row in self._run("capture-pane", "-p").splitlines())

    def wait(self, *texts: str, seconds: float = 60) -> str:
        """Wait until all texts are shown together."""
        return self._wait(lambda shown: all(text in shown for text in texts), f"{texts} never came", seconds)

    def answer(self, question: str, *texts: str, seconds: float = 60) -> str:
        """Press Enter, again each second while ``question`` is still shown, until all texts are shown together.

        A first Enter may come too soon after what it confirms: then the screen asks for another.
        """
        return self._wait(lambda shown: all(text in shown for text in texts), f"{texts} never came", seconds, question)

    def wait_for_end(self, seconds: float = 60) -> str:
        """Wait until the program has ended, and return what it left."""
        return self._wait(lambda _: self._run("display", "-p", "#{pane_dead}").strip() == "1", "no end", seconds)

    def _wait(self, condition: Callable[[str], bool], what: str, seconds: float, question: str = "") -> str:
        deadline, pressed = time.monotonic() + seconds, 0.0
        while not condition(shown := self.screen()):
            assert time.monotonic() < deadline, f"{what}:\n{shown}"
            if question and question in shown and time.monotonic() - pressed >= 1:
                self.press("Enter")
                pressed = time.monotonic()
            time.sleep(0.05)
        return shown

    def kill_program(self) -> None:
        """End the program as the out-of-memory killer would."""
        os.kill(int(self._run("display", "-p", "#{pane_pid}")), signal.SIGKILL)
        self.wait_for_end()

    def close(self) -> None:
        """End the tmux server and what runs in it, as closing the window does."""
        subprocess.run([*self._server, "kill-server"], check=False, capture_output=True)


def _socket() -> str:
    return f"castoff-{uuid.uuid4().hex[:8]}"
