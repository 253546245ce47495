"""Reading and writing text files without losing what they are: encoding, line ends, permissions."""

import stat
from pathlib import Path

from agent.builtin.errors import ToolFailure
from agent.durable import write_record

EDIT_LIMIT = 5_000_000
"""Bytes: a larger file is neither read whole nor edited."""


def read_text(real: Path, shown: str) -> str:
    """Return the text of a file, line ends untouched. Raises `ToolFailure` if it is not a text file, `OSError`."""
    if not real.exists():
        raise ToolFailure(f"There is no file {shown!r}.")
    if real.is_dir():
        raise ToolFailure(f"{shown!r} is a folder: use list.")
    if not real.is_file():
        raise ToolFailure(f"{shown!r} is not an ordinary file.")
    if real.stat().st_size > EDIT_LIMIT:
        raise ToolFailure(f"{shown!r} is larger than {EDIT_LIMIT // 1_000_000} MB: look at it with search or run.")
    try:
        return real.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ToolFailure(f"{shown!r} is not text in UTF-8.") from error


def write_text(real: Path, text: str) -> None:
    """Replace a file's text as a whole, keeping its permissions; folders above it are made. Raises `OSError`."""
    real.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else None
    write_record(real, text.encode(), mode)
