"""Telling Ctrl+H from Backspace in terminals that send a single byte for both keys."""

import sys
import termios

from textual.events import Key

DELETE = b"\x7f"


def read_verase(fd: int | None = None) -> bytes | None:
    """The character that erases on this terminal; ``None`` where there is no terminal to ask."""
    try:
        settings = termios.tcgetattr(sys.__stdin__.fileno() if fd is None and sys.__stdin__ else fd or 0)
    except (termios.error, OSError, ValueError):
        return None
    value = settings[6][termios.VERASE]
    return value if isinstance(value, bytes) else None


def is_ctrl_h(event: Key, verase: bytes | None) -> bool:
    """Tell Ctrl+H from Backspace by the raw byte, where the tty keeps the two apart."""
    return event.key == "backspace" and event.character == "\x08" and verase == DELETE
