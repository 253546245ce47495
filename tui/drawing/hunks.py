"""Hunks as lines: coloured by syntax, changed words marked; one column, or two side by side where there is room."""

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import NamedTuple

from tui.drawing.code import colour_code
from tui.drawing.lines import Line, Role, Span, cut, text_lines

SIDE_BY_SIDE = 150
"""Columns from which both sides stand beside each other."""
_MOST_WORDS = 400
"""Words of a line beyond which it is not compared word by word."""
_ALIKE = 0.35
"""How much two lines must have in common to be compared word by word."""

Ranges = tuple[tuple[int, int], ...]


class _Row(NamedTuple):
    sign: str
    spans: tuple[Span, ...]


@lru_cache(maxsize=512)
def _rows(rows: tuple[str, ...], language: str) -> tuple[_Row, ...]:
    """Each row with its colours and the words in it that changed."""
    texts = ["".join(text_lines(row[1:])[:1]) for row in rows]
    signs = [row[:1] if row[:1] in "+-" else " " for row in rows]
    ranges = _changed(signs, texts)
    coloured = colour_code(tuple(texts), language)
    out: list[_Row] = []
    for sign, spans, marked in zip(signs, coloured, ranges, strict=True):
        role: Role = "added-word" if sign == "+" else "removed-word"
        out.append(_Row(sign, _mark(spans, marked, role)))
    return tuple(out)


def _changed(signs: Sequence[str], texts: Sequence[str]) -> list[Ranges]:
    """For each row, which of its characters differ from its counterpart's: the removed rows before it, in order."""
    out: list[Ranges] = [()] * len(signs)
    at = 0
    while at < len(signs):
        if signs[at] != "-":
            at += 1
            continue
        end = at
        while end < len(signs) and signs[end] == "-":
            end += 1
        stop = end
        while stop < len(signs) and signs[stop] == "+":
            stop += 1
        for old, new in zip(range(at, end), range(end, stop), strict=False):
            out[old], out[new] = _compare(texts[old], texts[new])
        at = stop
    return out


def _compare(old: str, new: str) -> tuple[Ranges, Ranges]:
    before, after = (re.findall(r"\w+|\s+|[^\w\s]", text) for text in (old, new))
    if max(len(before), len(after)) > _MOST_WORDS:
        return (), ()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (), ()
    gone: list[tuple[int, int]] = []
    come: list[tuple[int, int]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            gone += _range(before, i1, i2)
            come += _range(after, j1, j2)
    return tuple(gone), tuple(come)


def _range(words: Sequence[str], first: int, last: int) -> list[tuple[int, int]]:
    begun = sum(map(len, words[:first]))
    return [(begun, begun + sum(map(len, words[first:last])))] if last > first else []


def _mark(spans: Sequence[Span], ranges: Ranges, role: Role) -> tuple[Span, ...]:
    if not ranges:
        return tuple(spans)
    out: list[Span] = []
    at = 0
    for piece in spans:
        edges = sorted({0, len(piece.text), *(min(max(e - at, 0), len(piece.text)) for r in ranges for e in r)})
        for first, last in pairwise(edges):
            is_marked = any(start - at <= first and last <= end - at for start, end in ranges)
            out.append(Span(piece.text[first:last], role if is_marked else piece.role))
        at += len(piece.text)
    return tuple(out)


def language_of(path: str) -> str:
    """The language that a file's name tells, as `tui.drawing.code` names it."""
    return path.rpartition("/")[2].rpartition(".")[2].lower()


def draw_hunk(rows: tuple[str, ...], path: str, width: int) -> list[Line]:
    """A hunk's rows; the sign at the beginning says what colours only repeat."""
    drawn = _rows(rows, language_of(path))
    if width >= SIDE_BY_SIDE:
        return _beside(drawn, width)
    return [_line(row, width) for row in drawn]


_FILLS: dict[str, Role] = {"+": "added", "-": "removed"}


def _line(row: _Row, width: int) -> Line:
    fill = _FILLS.get(row.sign)
    sign = Span("− " if row.sign == "-" else f"{row.sign} ", fill or "muted")
    return cut(Line((sign, *row.spans), fill), width)


def _beside(rows: Sequence[_Row], width: int) -> list[Line]:
    """Removed lines left, added ones right; what both have stands on both sides."""
    half = (width - 3) // 2
    out: list[Line] = []
    left: list[_Row] = []
    right: list[_Row] = []

    def flush() -> None:
        out.extend(_pair(a, b, half) for a, b in zip_longest(left, right))
        left.clear()
        right.clear()

    for row in rows:
        if row.sign == " ":
            flush()
            out.append(_pair(row, row, half))
        else:
            (left if row.sign == "-" else right).append(row)
    flush()
    return out


def _pair(left: _Row | None, right: _Row | None, half: int) -> Line:
    return Line((*_cell(left, half), Span(" │ ", "rule"), *_cell(right, half)))


def _cell(row: _Row | None, half: int) -> tuple[Span, ...]:
    drawn = _line(row, half) if row is not None else Line()
    return (*drawn.spans, Span(" " * (half - drawn.width)))
