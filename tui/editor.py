"""The user's own editor, for a text of the app's."""

import shlex
import signal
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent import children
from tui.backend import Lend
from tui.errors import EditorFailed

_USUAL = "vi"


async def edit(text: str, lend: Lend, environ: Mapping[str, str]) -> str:
    """What became of ``text`` in ``$VISUAL`` or ``$EDITOR``, which has the terminal meanwhile.

    Raises `tui.errors.EditorFailed`: the text then stays as it was.
    """
    try:
        words = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or _USUAL)
    except ValueError as error:
        raise EditorFailed(f"$EDITOR cannot be understood: {error}.") from error
    # The directory is readable by the user alone.
    with tempfile.TemporaryDirectory(prefix="castoff-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "prompt.md"
        path.write_text(text, "utf-8")
        with lend(), interruptible():
            try:
                process = await children.start([*words, str(path)])
            except OSError as error:
                raise EditorFailed(f"The editor {words[0]!r} cannot be started: {error.strerror}.") from error
            status = await process.wait()
        if status != 0:
            raise EditorFailed(f"The editor ended with status {status}: the text stays as it was.")
        try:
            return path.read_text("utf-8", errors="replace").rstrip("\n")
        except OSError as error:
            raise EditorFailed(f"What the editor left cannot be read: {error.strerror}.") from error


def _pass(*_: object) -> None:
    """Nothing is to be done."""


@contextmanager
def interruptible() -> Generator[None]:
    """Ctrl+C is for the program that has the terminal."""
    # Unlike an ignored signal, a handler is not passed on to it.
    before = signal.signal(signal.SIGINT, _pass)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
