"""Finding credentials in bytes and files. What is found is told by place, kind and fingerprint, never by value.

Two sets of rules are asked, and what either finds counts, also in base64. Text is scanned whatever its size, in
bounded memory; binary files (a NUL byte in the first 8 KiB, as git decides, and not UTF-16) are not.
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
from snapshot.secret_encoded import find_encoded
from snapshot.secret_rules import Matcher, Span, load_matchers
from snapshot.secret_text import PROBE, Window, as_text, narrow, read_windows, tell_form, widen

_LAST = 1_000_000
"""Comes after every rank of our own rules."""
_ENCODED = _LAST + 1
_SETTINGS = ".env"
"""What is worth encoding is mostly settings: so it is read."""
REDACTED = "[secret]"
"""Stands for a secret where its length tells nothing."""
_CONTEXT = "castoff 2026-11 fingerprint of a secret"


class Hit(Frozen):
    """A credential at a line (from 1) of a file; ``fingerprint`` is the same wherever the same value stands.

    ``held`` is "" for the file itself, else what git has of it: ``staged``, ``stash``,
    ``commit``, ``reflog``, or ``unreachable``.
    """

    path: Name
    line: int
    rule: str
    description: str
    fingerprint: str
    held: str = ""


def fingerprint(secret: bytes) -> str:
    """32 hex digits by which a value is known again."""
    return blake3(secret, derive_key_context=_CONTEXT).hexdigest(16)


def scan_bytes(data: bytes, path: str = "") -> tuple[Hit, ...]:
    """The credentials in ``data``, by line; ``path`` (separated by ``/``) tells the kind of file."""
    form = tell_form(data[:PROBE])
    if form is None:
        return ()
    text = narrow(data, form)
    return tuple(_hits([Window(text, 0, len(text))], path))


def scan_file(file: Path | str, path: str | None = None, where: int | None = None) -> tuple[Hit, ...]:
    """The credentials in a regular file, told as being in ``path`` (default: its name). Raises `OSError`.

    ``where`` is the open directory that ``file`` is in.
    """
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    try:
        form = tell_form(os.pread(handle, PROBE, 0))
        if form is None:
            return ()
        return tuple(_hits(read_windows(handle, form), Path(file).name if path is None else path))
    finally:
        os.close(handle)


def mask(data: bytes, hits: Collection[Hit]) -> bytes:
    """``data`` with every occurrence of the values that ``hits`` tell of replaced by as many asterisks."""
    form = tell_form(data[:PROBE])
    if form is None or not hits:
        return data
    wanted = {hit.fingerprint for hit in hits}
    text = narrow(data, form)
    values = {text[span.start : span.end] for span in _spans(as_text(text), next(iter(hits)).path)}
    chosen = [value for value in values if fingerprint(value) in wanted]
    for value in sorted(chosen, key=len, reverse=True):
        data = data.replace(widen(value, form), widen(b"*" * len(value), form))
    return data


def redact(text: str) -> str:
    """``text`` with `REDACTED` in place of every secret that our own rules find: a host has no second set."""
    data = text.encode(errors="replace")
    for span in reversed(_spans(as_text(data), None, _own_table())):
        data = data[: span.start] + REDACTED.encode() + data[span.end :]
    return data.decode(errors="replace")


def _hits(windows: Iterable[Window], path: str) -> Iterator[Hit]:
    line = 1
    for block, own, end in windows:
        counted = own
        for span in _spans(as_text(block), path):
            if not own <= span.start < end:
                continue
            line += block.count(b"\n", counted, span.start)
            counted = span.start
            mark = fingerprint(block[span.start : span.end])
            yield Hit(path=path, line=line, rule=span.rule, description=span.description, fingerprint=mark)
        line += block.count(b"\n", counted, end)


def _spans(text: str, path: str | None, table: "_Table | None" = None) -> list[Span]:
    """What the rules find, in order of place; where several overlap, the most specific of them."""
    table = table or _table()
    found = _find(text, path, table)
    found += [
        (_ENCODED, span)
        for span in find_encoded(text, lambda inner: (span for _, span in _find(inner, _SETTINGS, table)))
    ]
    return _without_overlaps(found)


def _find(text: str, path: str | None, table: "_Table") -> list[tuple[int, Span]]:
    """What each rule finds, with its rank; without a ``path`` also those for certain files."""
    # One character a byte: see `as_text`.
    lowered = text.encode("latin-1").lower()
    chosen = {number for number, matcher in enumerate(table.matchers) if path is None or matcher.applies(path)}
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
    return found


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
    """Both sets."""
    return _make_table(load_matchers(), load_detectors())


@cache
def _own_table() -> _Table:
    """Our own rules alone. Words that lose an example lose nothing."""
    return _make_table(load_matchers(examples=True), ())


def _make_table(matchers: tuple[Matcher, ...], second: Iterable[Detector]) -> _Table:
    ranks: dict[str, list[int]] = {}
    detectors: dict[str, list[Detector]] = {}
    for rank, matcher in enumerate(matchers):
        for word in matcher.rule.keywords:
            ranks.setdefault(word, []).append(rank)
    for detector in second:
        for word in detector.keywords:
            detectors.setdefault(word, []).append(detector)
    inside = {
        word for matcher in matchers if matcher.rule.inside or matcher.rule.before for word in matcher.rule.keywords
    }
    return _Table(Keywords({*ranks, *detectors} - inside, inside), matchers, ranks, detectors)
