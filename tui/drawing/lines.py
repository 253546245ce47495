"""Lines of spans: the one form in which untrusted text reaches the screen.

A `Span` is text and a role; roles become colours in `tui.lines_view`. Text enters by `span` or `text_lines`,
which sanitise it, so what is measured and wrapped here is what will be shown. Widths are terminal cells.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len, chop_cells, set_cell_size

from agent.sanitise import clean

Role = Literal[
    "text", "muted", "accent", "strong", "ok", "warn", "bad", "code", "emphasis", "heading",
    "prompt", "added", "removed", "added-word", "removed-word", "selected", "rule", "key",
]  # fmt: skip


class Span(NamedTuple):
    """A piece of sanitised text in one role."""

    text: str
    role: Role = "text"


class Line(NamedTuple):
    """One line of the screen; ``fill`` is the role whose background reaches over its whole width."""

    spans: tuple[Span, ...] = ()
    fill: Role | None = None

    @property
    def plain(self) -> str:
        """The line's text."""
        return "".join(s.text for s in self.spans)

    @property
    def width(self) -> int:
        """Cells that the line takes."""
        return sum(cell_len(s.text) for s in self.spans)


BLANK = Line()


def span(text: str, role: Role = "text") -> Span:
    """Sanitised single-line text in a role."""
    return Span(clean(text, single_line=True), role)


def line(*pieces: Span | str, fill: Role | None = None) -> Line:
    """A line of spans; bare strings are plain text."""
    return Line(tuple(p if isinstance(p, Span) else span(p) for p in pieces if p), fill)


def text_lines(text: str) -> list[str]:
    """The sanitised lines of ``text``, tabs expanded; an empty text has none."""
    return [part.expandtabs(4) for part in clean(text).split("\n")] if text else []


def fit(text: str, width: int) -> str:
    """``text`` cut to ``width`` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def fit_start(text: str, width: int) -> str:
    """``text`` cut at its beginning to ``width`` cells: the end of a path tells more than its start."""
    if cell_len(text) <= width:
        return text
    kept = ""
    for char in reversed(text):
        if cell_len(char + kept) > width - 1:
            break
        kept = char + kept
    return "…" + kept if width > 0 else ""


def pad(text: str, width: int) -> str:
    """``text`` in exactly ``width`` cells."""
    return fit(text, width) + " " * max(0, width - cell_len(text))


def spread(left: Sequence[Span], right: Sequence[Span], width: int, fill: Role | None = None) -> Line:
    """``left`` and ``right`` at the two ends of a line; the left is cut where both do not fit."""
    room = width - sum(cell_len(s.text) for s in right) - (1 if right else 0)
    cut = _cut(left, max(0, room))
    gap = width - sum(cell_len(s.text) for s in (*cut, *right))
    if gap < 0:
        return Line(tuple(_cut((*left, Span(" "), *right), width)), fill)
    return Line((*cut, Span(" " * gap), *right), fill)


def _cut(spans: Iterable[Span], width: int) -> list[Span]:
    out: list[Span] = []
    for piece in spans:
        size = cell_len(piece.text)
        if size > width:
            out.append(Span(fit(piece.text, width), piece.role))
            break
        out.append(piece)
        width -= size
    return out


def cut(content: Line, width: int) -> Line:
    """A line cut to ``width`` cells."""
    return content if content.width <= width else Line(tuple(_cut(content.spans, width)), content.fill)


class _Word(NamedTuple):
    spans: tuple[Span, ...]
    width: int


def wrap(
    spans: Iterable[Span], width: int, *, first: Line = BLANK, rest: Line | None = None, fill: Role | None = None
) -> list[Line]:
    """Wrap spans at spaces to ``width`` cells; ``first`` begins the first line, ``rest`` (or blanks) the others."""
    follow = rest if rest is not None else Line((Span(" " * first.width),) if first.width else ())
    room = max(4, width - max(first.width, follow.width))
    rows: list[list[Span]] = [[]]
    used = 0
    for word in _words(spans, room):
        blank = word.spans[0].text.isspace()
        if used + word.width > room and not (blank and not rows[-1]):
            rows.append([])
            used = 0
        if blank and used == 0 and len(rows) > 1:
            continue
        rows[-1].extend(word.spans)
        used += word.width
    heads = [first, *[follow] * (len(rows) - 1)]
    return [Line((*head.spans, *_joined(row)), fill) for head, row in zip(heads, rows, strict=True)]


def _words(spans: Iterable[Span], room: int) -> Iterable[_Word]:
    """Words and the blanks between them; a word runs on over a change of role; longer than ``room`` is chopped."""
    word: list[Span] = []
    size = 0
    for piece in spans:
        for part in _split(piece.text):
            if part.isspace():
                if word:
                    yield _Word(tuple(word), size)
                    word, size = [], 0
                yield _Word((Span(part, piece.role),), cell_len(part))
                continue
            for chunk in chop_cells(part, room) if cell_len(part) > room else [part]:
                wide = cell_len(chunk)
                if word and size + wide > room:
                    yield _Word(tuple(word), size)
                    word, size = [], 0
                word.append(Span(chunk, piece.role))
                size += wide
    if word:
        yield _Word(tuple(word), size)


def _split(text: str) -> Iterable[str]:
    """Runs of spaces and of other characters, in turn."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or (text[i] == " ") != (text[start] == " "):
            yield text[start:i]
            start = i


def _joined(row: list[Span]) -> tuple[Span, ...]:
    """Neighbours of one role as one span, without blanks at the end."""
    out: list[Span] = []
    for piece in row:
        if out and out[-1].role == piece.role:
            out[-1] = Span(out[-1].text + piece.text, piece.role)
        else:
            out.append(piece)
    while out and not out[-1].text.strip():
        out.pop()
    return tuple(out)


def rule(width: int, label: Sequence[Span] = ()) -> Line:
    """A horizontal rule with a label in it."""
    if not label:
        return Line((Span("─" * width, "rule"),))
    inner = _cut(label, max(0, width - 6))
    tail = width - 4 - sum(cell_len(s.text) for s in inner)
    return Line((Span("── ", "rule"), *inner, Span(" " + "─" * max(0, tail), "rule")))
