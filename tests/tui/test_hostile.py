"""Hostile sessions, drawn en masse and shown by the real app on a terminal: none of their control bytes gets there.

``CASTOFF_HOSTILE=100000 pytest tests/tui/test_hostile.py`` draws so many; ``CASTOFF_SEED`` makes it others.
"""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from random import Random

import pytest

from agent.fold import advance
from agent.sanitise import clean
from agent.state import SessionState
from remote.findings import Stays
from tests.tui import hostile, recorded
from tui.drawing.blocks import Look, draw_block
from tui.drawing.diffs import draw_diff
from tui.drawing.lines import Line
from tui.drawing.losses import draw_losses
from tui.drawing.panes import draw_plan
from tui.drawing.runs import draw_run

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("CASTOFF_SEED", "0"))
SESSIONS = int(os.environ.get("CASTOFF_HOSTILE", "1500"))
SHOWN = 300
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from random import Random
from tests.tui import hostile
from tests.tui.doubles import PLACE, DoubleBackend
from tui.app import start
random = Random(int(sys.argv[1]))
place = PLACE.model_copy(update={{"title": hostile.text(random), "project": hostile.text(random)}})
backend = DoubleBackend(hostile.session(random, {SHOWN}), place)
backend.diffs[""] = hostile.diff(random, 40)
backend.others = (place,)
start(lambda: backend)
"""
_OURS = re.compile(
    rb"\x1b(?:\[[0-9;:]*m|\[[0-9]+;[0-9]+H|\[[0-9]*[ABCDJKSTXnt]|\[H|\[\?(?:1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|"
    rb"2048|25|7)[hl]|\]22;[a-z-]+\x07|\[\?(?:2026|2048)\$p|\[[<>=]?[0-9;]*[uq]|[78=>])"
)
"""The sequences that the app itself sends."""
_RAW_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def drawn(random: Random) -> Iterator[Line]:
    """All that is drawn of one session."""
    state = advance(SessionState(), hostile.session(random, 5))
    look = Look(random.choice((20, 78, 120)), details=random.random() < 0.5)
    for block in state.blocks:
        yield from draw_block(block, look)
    yield from draw_plan(state.plan, look.width)
    said = {name: hostile.text(random) for name in ("title", "host", "agent", "detail", "project", "last_line")}
    yield from draw_run(recorded.RUNS.runs[0].model_copy(update=said), False, 1.0, look.width)
    stays = Stays(what=hostile.text(random), why="ignored", files=1, size=2)
    yield from draw_losses([stays], look.width)
    yield from draw_diff(hostile.diff(random, 1).files, look.width)


def test_nothing_of_a_hostile_session_is_drawn_raw() -> None:
    for number in range(SESSIONS):
        for row in drawn(Random(f"{SEED}.{number}")):
            text = row.plain
            assert text == clean(text, single_line=True), f"seed {SEED}.{number}"
            assert not _RAW_TEXT.search(text), f"seed {SEED}.{number}"


def faults(painted: bytes) -> list[bytes]:
    """What came to the terminal that the app does not send by itself: with a little of what stands before and after."""
    rest = _OURS.sub(b"", painted).replace(b"\r", b"").replace(b"\n", b"")
    raw = rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
    found = [rest[max(0, m.start() - 20) : m.end() + 20] for m in re.finditer(raw, rest)]
    return found + re.findall(rb"\x1b[^A-Za-z]*31337[^A-Za-z]*.", painted)


@contextmanager
def shown(seed: int) -> Generator[Callable[[bytes, Callable[[bytes], bool]], bytes]]:
    """The app with such a session on a terminal; the function types, and returns what is painted until it is there."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LD_LIBRARY_PATH")}
    env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
    argv = [sys.executable, "-I", "-c", PROGRAM, str(seed)]
    app = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd="/", start_new_session=True)
    os.close(theirs)

    def typed(keys: bytes, is_there: Callable[[bytes], bool]) -> bytes:
        os.write(ours, keys)
        seen, end = b"", time.monotonic() + 60
        while not is_there(seen):
            assert select.select([ours], [], [], max(0.0, end - time.monotonic()))[0], f"it never came: {seen[-500:]!r}"
            seen += os.read(ours, 1 << 16)
        return seen

    try:
        yield typed
    finally:
        os.killpg(app.pid, signal.SIGKILL)
        app.wait()
        os.close(ours)


def test_no_control_byte_of_a_hostile_session_reaches_the_terminal() -> None:
    with shown(SEED) as typed:
        painted = typed(b"", lambda seen: b"accept" in seen or b"ask" in seen)
        # Page up to the beginning: each page is painted before the next is asked for.
        for _ in range(60):
            painted += typed(b"\x1b[5~", lambda seen: len(seen) > 0)
        painted += typed(b"\x13", lambda seen: b"Sessions of this project" in seen)
        painted += typed(b"\x1b[27u\x1b", lambda seen: len(seen) > 0)
    # The last sequence may be half read.
    assert faults(painted[: painted.rfind(b"\x1b")]) == []
    assert painted.count("␛".encode()) > SHOWN, "it was shown"


@pytest.mark.parametrize(
    "raw", [b"\x07", b"\x1b]52;c;31337\x07", b"\x1b[31337m", "\x9b2J".encode(), b"\x1bc", b"\x08", "\u202e".encode()]
)
def test_the_guard_sees_what_is_not_ours(raw: bytes) -> None:
    assert faults(b"\x1b[2;3Hfine\x1b[1;38;2;4;5;6m" + raw + b"more") != []
    assert faults(b"\x1b[2;3Hfine\x1b[1;38;2;4;5;6m") == []
