"""The sanitiser: nothing that a terminal acts on gets through, and nothing readable is lost."""

import shutil
import subprocess
import sys
import unicodedata
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sanitise import ESCAPE_MARK, clean
from tests.waiting import wait_until

HOSTILE = (
    st.sampled_from("\x1b\x9b\x9d\x90\x98\x9e\x9f\x9c\x07[]PX^_\\;?0123456789mhJHAqc(\r\n\t \x00\x7f")
    | st.sampled_from("‮​\u2066\ufeff\U000e0041\ud800\u2028")
    | st.characters()
)
TEXTS = st.text(HOSTILE, max_size=200)


@pytest.mark.parametrize(
    "raw",
    [
        "\x1b]52;c;aGk=\x07",
        "\x1b]0;title\x1b\\",
        "\x9d0;title\x9c",
        "\x1bPq#0;2;0;0;0\x1b\\",
        "\x90q\x9c",
        "\x1b_Gx\x1b\\",
        "\x9fx\x9c",
        "\x1b^pm\x1b\\",
        "\x1bXsos\x1b\\",
        "\x1b[2J",
        "\x9b31m",
        "\x1b[?1049h",
        "\x1bc",
        "\x1b(0",
        "\x1b",
        "\x1b[",
        "\x1b]8;;http://x",
    ],
)
def test_a_sequence_becomes_one_mark(raw: str) -> None:
    assert clean(raw) == ESCAPE_MARK


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x00b", "a\\u{0}b"),
        ("a\x07b", "a\\u{7}b"),
        ("a\x85b", "a\\u{85}b"),
        ("a\u202eb", "a\\u{202e}b"),
        ("a\u200bb", "a\\u{200b}b"),
        ("a\U000e0041b", "a\\u{e0041}b"),
        ("a\ud800b", "a\\u{d800}b"),
        ("a\u2028b", "a\\u{2028}b"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\tb\nc", "a\tb\nc"),
        ("für 日本 👍", "für 日本 👍"),
    ],
)
def test_what_is_shown(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_an_unterminated_string_hides_at_most_its_line() -> None:
    assert clean("before \x1b]0;never ended\nafter") == f"before {ESCAPE_MARK}\nafter"


def test_single_line_has_no_break() -> None:
    assert clean("a\nb\tc\r\nd", single_line=True) == "a↵b⇥c↵d"


@given(TEXTS, st.booleans())
def test_idempotent_and_without_controls(text: str, single_line: bool) -> None:
    once = clean(text, single_line=single_line)
    assert clean(once, single_line=single_line) == once
    allowed = "" if single_line else "\n\t"
    assert not [c for c in once if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed]
    once.encode()


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\u115f\u1160\u3164\uffa0")))
def test_ordinary_text_is_untouched(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("piece", ["\x1b]0;", "\x1b[", "\x1b[1;", "\x9d", "\x1bP\x1b", "\r", "\u202e", "\x1b[;;;;"])
def test_linear(piece: str) -> None:
    """Ten times the input may not cost a hundred times the time; quadratic work would take minutes here."""
    text = piece * 300_000
    assert len(clean(text)) <= 8 * len(text)


def test_nothing_acts_on_a_real_terminal(tmp_path: Path) -> None:
    """Cleaned hostile text printed in a tmux pane leaves title, screen and cursor alone, and its raw log has no ESC."""
    tmux = shutil.which("tmux")
    assert tmux is not None
    hostile = "\x1b]2;OWNED\x07\x1b[2J\x1b[H\x1b]52;c;aGk=\x07\x1bc\x9b2J\x9d2;OWNED\x9cstill\u202ehere"
    payload = tmp_path / "payload"
    payload.write_text(clean(hostile) + "\n", encoding="utf-8")
    show = f"import time;print('first line');print(open({str(payload)!r},encoding='utf-8').read());time.sleep(60)"
    server = ["-L", f"clean-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
    try:
        subprocess.run(
            [tmux, *server, "new-session", "-d", "-x", "80", "-y", "24", sys.executable, "-I", "-c", show], check=True
        )
        screen = _wait_for(tmux, server, "here")
        title = subprocess.run(
            [tmux, *server, "display-message", "-p", "#T"], check=True, capture_output=True, text=True
        ).stdout
    finally:
        subprocess.run([tmux, *server, "kill-server"], check=False, capture_output=True)
    assert "first line" in screen and "still\\u{202e}here" in screen
    assert "\x1b" not in screen
    assert "OWNED" not in title


def _wait_for(tmux: str, server: list[str], text: str) -> str:
    argv = [tmux, *server, "capture-pane", "-p", "-e"]

    def shown() -> str:
        screen = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return screen if text in screen else ""

    return wait_until(shown, why=f"{text!r} never came")
