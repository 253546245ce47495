"""Secrets in base64, as in a Kubernetes manifest: what decodes to text is searched like text, one layer deep."""

import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from snapshot.secret_rules import Span
from snapshot.secret_text import as_text

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_FLAT = bytes(ord("a") if each in _LETTERS else ord(" ") for each in range(256))
_SHORTEST = b"a" * 26
_PADDING = re.compile("={0,2}")
_WRAPPED = range(60, 77)
"""So long are the lines of base64 that is wrapped."""
_LINE = r"[ \t\r]{{0,3}}\n[ \t]{{0,20}}[A-Za-z0-9+/]{{{}}}(?![A-Za-z0-9+/])"
_HEAD = 24
"""Characters that decode to 18 bytes: nearly nothing but encoded text is text so far."""

_TEXT = re.compile(rb"[\t\n\r\x20-\x7e]+")
_URL_SAFE = str.maketrans("-_", "+/")


def find_encoded(text: str, look: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """The runs of base64 in ``text`` in which ``look`` finds a secret, told as the first one in each."""
    done = 0
    for start, end in _runs(text):
        if start < done or not _TEXT.fullmatch(_decode(text[start : start + _HEAD])):
            continue
        if end - start in _WRAPPED and (more := _rest(end - start).match(text, end)):
            done = end = more.end()
        for span in look(as_text(_decode(text[start:end]))):
            yield Span(start, end, f"{span.rule}-base64", f"{span.description}, in base64")
            break


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Where letters of base64 stand in a row, with their padding: start and end.

    A search for 26 equal bytes steps over most of a text, which an expression reads letter by letter.
    """
    flat = text.encode("latin-1").translate(_FLAT) + b" "
    end = 0
    while (start := flat.find(_SHORTEST, end)) >= 0:
        end = flat.index(b" ", start)
        padding = _PADDING.match(text, end)
        yield start, padding.end() if padding else end


@cache
def _rest(length: int) -> re.Pattern[str]:
    """The lines that go on from one of ``length`` characters, and a shorter last one."""
    return re.compile(f"(?:{_LINE.format(length)})*(?:{_LINE.format(f'1,{length}')}={{0,2}})?")


def _decode(run: str) -> bytes:
    letters = "".join(run.translate(_URL_SAFE).rstrip("=").split())
    # One letter alone holds less than a byte.
    whole = letters[:-1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(whole + "=" * (-len(whole) % 4))
