"""Finding credentials in bytes and files. What is found is told by place, kind and fingerprint, never by value.

Two sets of rules are asked, and what either finds counts. Text is scanned whatever its size, in bounded memory;
binary files (a NUL byte in the first 8 KiB, as git decides) are not.
"""

import os
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from snapshot.keywords import Keywords
from snapshot.manifest import Frozen
from snapshot.names import Name
from snapshot.secret_detectors import Detector, load_detectors
from snapshot.secret_rules import REACH, Matcher, Span, load_matchers

_PROBE = 8192
_WINDOW = 1 << 20
_LEAD = 512
"""Characters before a window that are shown again, for what a rule looks back at."""

_LAST = 1_000_000
"""Comes after every rank of our own rules."""
_CONTEXT = "castoff 2026-11 fingerprint of a secret"
# A file in JSON, like a session's history, shows line ends and quotes of what it quotes as two characters.
_ESCAPES = ((b"\\r\\n", b"  \r\n"), (b"\\n", b" \n"), (b"\\r", b" \n"), (b"\\t", b" \t"), (b'\\"', b' "'))


class _Window(NamedTuple):
    """Part of a file: what starts in ``data[own:end]`` is found here, the rest is there to be looked at."""

    data: bytes
    own: int
    end: int


class Hit(Frozen):
    """A credential at a line (from 1) of a file; ``fingerprint`` is the same wherever the same value stands."""

    path: Name
    line: int
    rule: str
    description: str
    fingerprint: str


def fingerprint(secret: bytes) -> str:
    """32 hex digits by which a value is known again."""
    return blake3(secret, derive_key_context=_CONTEXT).hexdigest(16)


def scan_bytes(data: bytes, path: str = "") -> tuple[Hit, ...]:
    """The credentials in ``data``, by line; ``path`` (separated by ``/``) tells the kind of file."""
    return tuple(_hits([_Window(data, 0, len(data))], path)) if not is_binary(data) else ()


def scan_file(file: Path, path: str | None = None) -> tuple[Hit, ...]:
    """The credentials in a regular file, told as being in ``path`` (default: its name). Raises `OSError`."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if is_binary(os.pread(handle, _PROBE, 0)):
            return ()
        return tuple(_hits(_windows(handle), file.name if path is None else path))
    finally:
        os.close(handle)


def mask(data: bytes, hits: Collection[Hit]) -> bytes:
    """``data`` with every occurrence of the values that ``hits`` tell of replaced by as many asterisks."""
    wanted = {hit.fingerprint for hit in hits}
    path = next(iter(hits)).path if hits else ""
    values = {data[span.start : span.end] for span in _spans(_text(data), path)}
    chosen = [value for value in values if fingerprint(value) in wanted]
    for value in sorted(chosen, key=len, reverse=True):
        data = data.replace(value, b"*" * len(value))
    return data


def is_binary(data: bytes) -> bool:
    """Whether ``data`` begins like no text: it is not scanned."""
    return b"\0" in data[:_PROBE]


def _windows(handle: int) -> Iterator[_Window]:
    """The file in pieces of `_WINDOW` bytes of their own, each with what stands around it."""
    at = 0
    while True:
        start = max(0, at - _LEAD)
        block = os.pread(handle, at - start + _WINDOW + REACH, start)
        if len(block) <= at - start:
            return
        yield _Window(block, at - start, min(len(block), at - start + _WINDOW))
        at += _WINDOW


def _hits(windows: Iterable[_Window], path: str) -> Iterator[Hit]:
    line = 1
    for block, own, end in windows:
        counted = own
        for span in _spans(_text(block), path):
            if not own <= span.start < end:
                continue
            line += block.count(b"\n", counted, span.start)
            counted = span.start
            mark = fingerprint(block[span.start : span.end])
            yield Hit(path=path, line=line, rule=span.rule, description=span.description, fingerprint=mark)
        line += block.count(b"\n", counted, end)


def _text(data: bytes) -> str:
    """One character a byte, with escaped line ends and quotes as if they were none."""
    if b"\\" in data:
        for escaped, plain in _ESCAPES:
            data = data.replace(escaped, plain)
    return data.decode("latin-1")


def _spans(text: str, path: str) -> list[Span]:
    """What both sets find, in order of place; where several overlap, the most specific of them."""
    table = _table()
    lowered = text.lower()
    chosen = {number for number, matcher in enumerate(table.matchers) if matcher.applies(path)}
    found: list[tuple[int, Span]] = []
    called: dict[Detector, list[int]] = {}
    for at, word in table.keywords.find(lowered):
        for rank in table.ranks.get(word, ()):
            if rank in chosen and (span := table.matchers[rank].find(text, at)):
                found.append((rank, span))
        for detector in table.detectors.get(word, ()):
            called.setdefault(detector, []).append(at)
    for detector, places in called.items():
        found += [(_LAST, span) for span in detector.find(text, sorted(places))]
    return _without_overlaps(found)


def _without_overlaps(found: list[tuple[int, Span]]) -> list[Span]:
    ends: list[int] = []
    kept: list[Span] = []
    for _, span in sorted(found):
        at = bisect_right(kept, span.start, key=lambda other: other.start)
        if (at and ends[at - 1] > span.start) or (at < len(kept) and kept[at].start < span.end):
            continue
        kept.insert(at, span)
        ends.insert(at, span.end)
    return kept


class _Table(NamedTuple):
    """All rules, by the words that call for them."""

    keywords: Keywords
    matchers: tuple[Matcher, ...]
    ranks: dict[str, list[int]]
    detectors: dict[str, list[Detector]]


@cache
def _table() -> _Table:
    matchers = load_matchers()
    ranks: dict[str, list[int]] = {}
    detectors: dict[str, list[Detector]] = {}
    for rank, matcher in enumerate(matchers):
        for word in matcher.rule.keywords:
            ranks.setdefault(word, []).append(rank)
    for detector in load_detectors():
        for word in detector.keywords:
            detectors.setdefault(word, []).append(detector)
    inside = {
        word for matcher in matchers if matcher.rule.inside or matcher.rule.before for word in matcher.rule.keywords
    }
    return _Table(Keywords({*ranks, *detectors} - inside, inside), matchers, ranks, detectors)
