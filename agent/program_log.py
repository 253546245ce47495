"""A program's standard error on its way into a file: read without end, line by line, and redacted before it is kept."""

import contextlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from agent.durable import append_private

Redact = Callable[[str], str]
"""From words to those words without what must not be written down."""

_AT_ONCE = 1 << 16
_LONGEST = 1 << 17
"""Bytes that are held back at most: of a line, or of a key, whose end does not come."""
_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}-----(?!.*-----END )", re.DOTALL)


def as_they_are(words: str) -> str:
    """No redaction."""
    return words


class ProgramLog:
    """Appends to ``file`` what is written to ``pipe``, from the byte ``start`` on.

    A thread does it, which goes on until the last writer has closed the pipe: whoever keeps the runner's event loop
    busy, no program waits because nobody reads it. What cannot be written, as on a full disk, is dropped.
    """

    def __init__(self, file: Path, redact: Redact) -> None:
        self.file = file
        self._redact = redact
        self._out = append_private(file)
        self.start = self._out.seek(0, os.SEEK_END)
        self._source, self.pipe = os.pipe()
        self._thread = threading.Thread(target=self._run, name="program log", daemon=True)
        self._thread.start()

    def close_pipe(self) -> None:
        """Let the program be the only writer."""
        os.close(self.pipe)

    def settle(self, seconds: float) -> None:
        """Wait until all is in the file, or for so long: a child of the program may hold the pipe open."""
        self._thread.join(seconds)

    def _run(self) -> None:
        with self._out as out, os.fdopen(self._source, "rb", buffering=0) as source:
            waiting = b""
            while data := source.read(_AT_ONCE):
                waiting += data
                end = _find_end(waiting)
                self._write(out, waiting[:end])
                waiting = waiting[end:]
            self._write(out, waiting)

    def _write(self, out: BinaryIO, data: bytes) -> None:
        if data:
            with contextlib.suppress(OSError):
                out.write(self._redact(data.decode(errors="replace")).encode(errors="replace"))
                out.flush()


def _find_end(waiting: bytes) -> int:
    """How much of it may be written: whole lines, and no key of which only the beginning is there."""
    if len(waiting) > _LONGEST:
        return len(waiting)
    end = waiting.rfind(b"\n") + 1
    begun = _KEY.search(waiting, 0, end)
    return begun.start() if begun else end
