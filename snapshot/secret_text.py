"""Files as text to be searched for secrets: which are text at all, how their characters are kept, piece by piece.

Rules see one character a byte. UTF-16 is narrowed to that: a character beyond the first 256 becomes ``?``.
"""

import os
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from snapshot.secret_rules import REACH

Form = Literal["plain", "utf-16-le", "utf-16-be"]
"""How the characters of a text are kept; ``plain`` is one byte or more for each, as in ASCII and UTF-8."""

PROBE = 8192
"""So many bytes at the beginning of a file tell its form."""

_WINDOW = 1 << 20
_LEAD = 512
"""Characters before a window that are shown again, for what a rule looks back at."""

_MARKS: dict[bytes, Form] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_MOSTLY = 0.7
"""This part of the characters of a text in UTF-16 without a mark, at least, is from the first 256."""
_RARELY = 0.01
"""So many, at most, have a lower byte of zero."""

# A file in JSON, like a session's history, shows line ends and quotes of what it quotes as two characters.
_ESCAPES = ((b"\\r\\n", b"  \r\n"), (b"\\n", b" \n"), (b"\\r", b" \n"), (b"\\t", b" \t"), (b'\\"', b' "'))
# A colour of a terminal ends with a letter, which would belong to the word behind it.
_COLOUR = re.compile(rb"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;]{0,20}m")
_COLOUR_MARKS = (b"\x1b[", b"1b[", b"1B[", b"\\033[", b"\\e[")
"""One of them is in each colour: nearly no text has any, and to look for a few words is quick."""


class Window(NamedTuple):
    """Part of a file: what starts in ``data[own:end]`` is found here, the rest is there to be looked at."""

    data: bytes
    own: int
    end: int


def tell_form(head: bytes) -> Form | None:
    """The form of a file that begins with ``head`` (`PROBE` bytes, or all); None if it is no text."""
    marked = _MARKS.get(head[:2])
    if marked is not None:
        # UTF-32 begins with the same mark.
        return None if any(not (low or high) for low, high in zip(*_halves(head, marked), strict=False)) else marked
    if b"\0" not in head:
        return "plain"
    for form in _MARKS.values():
        low, high = _halves(head, form)
        if low.count(0) <= len(low) * _RARELY and high.count(0) >= len(high) * _MOSTLY and low:
            return form
    return None


def narrow(data: bytes, form: Form) -> bytes:
    """One byte for each character; in UTF-16 those of two units count as two."""
    if form == "plain":
        return data
    low, high = _halves(data, form)
    if high.count(0) == len(high):
        return low[: len(high)]
    return bytes(0x3F if above else one for one, above in zip(low, high, strict=False))


def widen(data: bytes, form: Form) -> bytes:
    """What `narrow` made ``data`` of, if that had no character beyond the first 256."""
    if form == "plain":
        return data
    wide = bytearray(2 * len(data))
    wide[0 if form == "utf-16-le" else 1 :: 2] = data
    return bytes(wide)


def read_windows(handle: int, form: Form) -> Iterator[Window]:
    """The open file in narrowed pieces of `_WINDOW` characters of their own, each with what stands around it."""
    unit = 1 if form == "plain" else 2
    at = 0
    while True:
        start = max(0, at - _LEAD)
        block = narrow(os.pread(handle, (at - start + _WINDOW + REACH) * unit, start * unit), form)
        if len(block) <= at - start:
            return
        yield Window(block, at - start, min(len(block), at - start + _WINDOW))
        at += _WINDOW


def as_text(data: bytes) -> str:
    """One character a byte, with escaped line ends and quotes as if they were none, and colours as spaces."""
    if any(mark in data for mark in _COLOUR_MARKS):
        data = _COLOUR.sub(lambda found: b" " * len(found[0]), data)
    if b"\\" in data:
        for escaped, plain in _ESCAPES:
            data = data.replace(escaped, plain)
    return data.decode("latin-1")


def _halves(data: bytes, form: Form) -> tuple[bytes, bytes]:
    """The lower and the upper bytes of the units."""
    first, second = data[0::2], data[1::2]
    return (first, second) if form == "utf-16-le" else (second, first)
