"""What is written into logs holds no secret that our rules know: the one place where a runner's own words pass."""

import io
import sys
from typing import TextIO


def redact(words: str) -> str:
    """``words`` without what looks like a secret. The rules are loaded with the first words: some tens of ms."""
    from snapshot.secrets import redact as cut

    return cut(words)


class RedactedText(io.TextIOBase):
    """A text stream that writes whole lines, redacted, to another one, and the rest of a line when it is flushed."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out
        self._waiting = ""

    def writable(self) -> bool:
        """It only takes words."""
        return True

    def write(self, words: str, /) -> int:
        """Take ``words``, and write the lines that are whole."""
        whole, end, rest = (self._waiting + words).rpartition("\n")
        self._waiting = rest
        if end:
            self._out.write(redact(whole) + end)
            self._out.flush()
        return len(words)

    def flush(self) -> None:
        """Write the rest of a line as well."""
        if self._waiting:
            self._out.write(redact(self._waiting))
            self._waiting = ""
        self._out.flush()

    def fileno(self) -> int:
        """The descriptor of the stream below."""
        return self._out.fileno()

    def isatty(self) -> bool:
        """Whether the stream below is a terminal."""
        return self._out.isatty()


def redact_output() -> None:
    """From here on what this process says passes here: prints, warnings of `logging`, and the traces of crashes."""
    sys.stdout, sys.stderr = RedactedText(sys.stdout), RedactedText(sys.stderr)
