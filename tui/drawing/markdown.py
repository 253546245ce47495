"""A light Markdown for agent messages: headings, lists, quotes, fences, and emphasis within lines.

What is not understood is shown as it was written; nothing is hidden and no link becomes an action.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from agent.sanitise import line_breaks
from tui.drawing.code import chop_spans, colour_code
from tui.drawing.lines import BLANK, Line, Span, fit, text_lines, wrap

_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*([\w.+-]*)")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$")
_QUOTE = re.compile(r"^\s{0,3}>\s?(.*)$")
_RULE = re.compile(r"^\s{0,3}([-*_])(\s*\1){2,}\s*$")
_INLINE = re.compile(
    r"(?P<code>`[^`]+`)"
    r"|(?P<strong>\*\*[^\s*](?:[^*]*[^\s*])?\*\*)"
    r"|(?P<emphasis>(?<![\w*])\*[^\s*](?:[^*]*[^\s*])?\*(?![\w*])|(?<!\w)_[^\s_](?:[^_]*[^\s_])?_(?!\w))"
)


def draw_markdown(text: str, width: int) -> list[Line]:
    """Draw a message in ``width`` cells. Of one that grows, only the last section is drawn again."""
    out: list[Line] = []
    for section in _sections(text):
        drawn = _draw_section(section, width)
        if drawn:
            out.extend([BLANK, *drawn] if out else drawn)
    return out


def _sections(text: str) -> Iterator[str]:
    """The parts between blank rows, none of them inside a fence: how one is drawn depends on no other."""
    section: list[str] = []
    fence = ""
    for raw in line_breaks(text).strip("\n").split("\n"):
        row = raw.expandtabs(4)
        if fence:
            fence = "" if _ends(row, fence) else fence
        elif opened := _FENCE.match(row):
            fence = opened[1]
        elif not row.strip(" "):
            if section:
                yield "\n".join(section)
                section = []
            continue
        section.append(raw)
    if section:
        yield "\n".join(section)


def _ends(row: str, fence: str) -> bool:
    """Whether a row ends the fence that ``fence`` began."""
    return row.strip().startswith(fence) and not row.strip().strip(fence[0])


@lru_cache(maxsize=1024)
def _draw_section(text: str, width: int) -> tuple[Line, ...]:
    out: list[Line] = []
    paragraph: list[str] = []
    rows = iter(text_lines(text))

    def flush() -> None:
        if paragraph:
            out.extend(wrap(inline(" ".join(paragraph)), width))
            paragraph.clear()

    for row in rows:
        if fence := _FENCE.match(row):
            flush()
            out.extend(_fenced(rows, fence[1], fence[2], width))
        elif (special := _special(row, width)) is not None:
            flush()
            out.extend(special)
        elif out and not paragraph and _continues_item(row, out[-1]):
            out.extend(wrap(inline(row.strip()), width, first=Line((Span("  "),))))
        else:
            paragraph.append(row.strip())
            if row.endswith("  "):
                flush()
    flush()
    while out and out[-1] == BLANK:
        out.pop()
    return tuple(out)


def _special(row: str, width: int) -> list[Line] | None:
    """A heading, list item, quote, rule or table row; ``None`` for ordinary text."""
    if heading := _HEADING.match(row):
        return wrap([Span(s.text, "heading") for s in inline(heading[1])], width)
    if _RULE.match(row):
        return [Line((Span("─" * min(width, 24), "rule"),))]
    if item := _ITEM.match(row):
        mark = "•" if item[2] in "-*+" else item[2]
        head = Line((Span(" " * min(len(item[1]), 12)), Span(f"{mark} ", "muted")))
        return wrap(inline(item[3]), width, first=head)
    if quote := _QUOTE.match(row):
        bar = Line((Span("▏ ", "rule"),))
        return wrap([Span(s.text, "muted") for s in inline(quote[1])], width, first=bar, rest=bar)
    if row.lstrip().startswith("|"):
        return [Line((Span(fit(row.strip(), width)),))]
    return None


def _continues_item(row: str, last: Line) -> bool:
    """Whether an indented row goes on with the list item above it."""
    return row.startswith("  ") and last.plain.lstrip()[:2] in ("• ", "1.", "2.", "3.")


def _fenced(rows: Iterator[str], fence: str, language: str, width: int) -> list[Line]:
    """A fence's content in colours: long lines are chopped, not hidden."""
    bar = Line((Span("  ", "code"),))
    inside: list[str] = []
    for row in rows:
        if _ends(row, fence):
            break
        inside.append(row)
    coloured = colour_code(tuple(inside), language)
    return [part for spans in coloured for part in chop_spans(spans, width, bar)] or [bar]


def inline(text: str) -> list[Span]:
    """Spans of one paragraph: code, strong and emphasised pieces without their marks."""
    out: list[Span] = []
    start = 0
    for match in _INLINE.finditer(text):
        out.append(Span(text[start : match.start()]))
        if match["code"]:
            out.append(Span(match["code"][1:-1], "code"))
        elif match["strong"]:
            out.append(Span(match["strong"][2:-2], "strong"))
        else:
            out.append(Span(match["emphasis"][1:-1], "emphasis"))
        start = match.end()
    out.append(Span(text[start:]))
    return [s for s in out if s.text]
