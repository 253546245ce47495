"""Diffs as lines: a unified diff's hunks, and small ones made from a file's text before and after."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Protocol

from tui.drawing.lines import BLANK, Line, Role, Span, fit, fit_start, line, span, spread, text_lines

_WORDS = {"added": "new", "modified": "changed", "deleted": "deleted"}


class FileDiffLike(Protocol):
    """What is drawn of `snapshot.diff.FileDiff`."""

    @property
    def path(self) -> str:
        """Relative to the tree."""
        ...

    @property
    def change(self) -> str:
        """``added``, ``modified`` or ``deleted``."""
        ...

    @property
    def added(self) -> int | None:
        """Lines added; ``None`` for binary files."""
        ...

    @property
    def removed(self) -> int | None:
        """Lines removed; ``None`` for binary files."""
        ...

    @property
    def text(self) -> str:
        """Unified diff hunks."""
        ...

    @property
    def note(self) -> str:
        """A word on what is not shown."""
        ...


def counts(added: int | None, removed: int | None) -> list[Span]:
    """``+3 −1``; nothing where nothing is known."""
    out: list[Span] = []
    if added:
        out.append(Span(f"+{added:,}", "ok"))
    if removed:
        out.extend([Span(" ")] if out else [])
        out.append(Span(f"−{removed:,}", "bad"))
    return out


def totals(files: Iterable[FileDiffLike]) -> list[Span]:
    """The added and removed lines of all files together."""
    listed = list(files)
    return counts(sum(f.added or 0 for f in listed), sum(f.removed or 0 for f in listed))


def draw_file(file: FileDiffLike, width: int) -> list[Line]:
    """One file: path and counts, then its hunks."""
    right = counts(file.added, file.removed)
    word = _WORDS.get(file.change, file.change)
    if word != "changed":
        right = [*right, Span(" " if right else ""), span(word, "muted")]
    room = width - sum(len(s.text) for s in right) - 1
    out = [spread([Span(fit_start(span(file.path).text, room), "strong")], right, width)]
    if file.note:
        out.append(line(span(f"  {file.note}", "muted")))
    out.extend(draw_hunks(file.text, width))
    return out


def draw_hunks(text: str, width: int) -> list[Line]:
    """A unified diff without its file headers; a hunk's head shows only where it is."""
    out: list[Line] = []
    inside = False
    for row in text_lines(text.rstrip("\n")):
        if row.startswith("@@"):
            inside = True
            place = row.split("@@")[1].split()[-1].lstrip("+").split(",")[0] if row.count("@@") > 1 else ""
            context = row.split("@@", 2)[2].strip() if row.count("@@") > 1 else row
            if out or context:
                out.append(Line((Span(fit(f"  line {place}  {context}".rstrip(), width), "muted"),)))
        elif inside or (row[:1] in "+-" and not row.startswith(("--- ", "+++ "))):
            out.append(_row(row, width))
    return out


def _row(row: str, width: int) -> Line:
    roles: dict[str, Role] = {"+": "added", "-": "removed"}
    role = roles.get(row[:1])
    if role is None:
        return Line((Span(fit(f"  {row.removeprefix(' ')}", width), "muted"),))
    sign = "+" if role == "added" else "−"
    return Line((Span(f"{sign} ", role), Span(fit(row[1:], width - 2), role)), role)


def draw_edit(path: str, old: str | None, new: str, width: int, *, limit: int) -> list[Line]:
    """An edit as an agent reports it: counts, and at most ``limit`` lines of its hunks."""
    hunks, added, removed = _edit(old or "", new)
    name = span(path).text
    head = spread([Span(fit_start(name, max(8, width - 14)), "muted")], counts(added, removed), width)
    shown = [_row(row, width) for row in hunks[:limit]]
    left = len(hunks) - len(shown)
    more = [Line((Span(f"  … {left:,} more", "muted"),))] if left > 0 else []
    return [head, *shown, *more]


def unified(path: str, old: str, new: str) -> str:
    """An edit as a unified diff, for copying."""
    before, after = old.splitlines(), new.splitlines()
    return "\n".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm=""))


@lru_cache(maxsize=128)
def _edit(old: str, new: str) -> tuple[list[str], int, int]:
    """The rows of a small diff with one line of context, and the counts of added and removed lines."""
    before, after = text_lines(old.rstrip("\n")), text_lines(new.rstrip("\n"))
    if len(before) + len(after) > 4000:
        rows = ["+" + r for r in after[:200]]
        return rows, len(after), len(before)
    diff = islice(difflib.unified_diff(before, after, n=1, lineterm=""), 2, None)
    rows = [row for row in diff if not row.startswith("@@")]
    added = sum(r.startswith("+") for r in rows)
    return rows, added, sum(r.startswith("-") for r in rows)


def draw_diff(files: Iterable[FileDiffLike], width: int) -> list[Line]:
    """All files of a diff, a blank line between them."""
    out: list[Line] = []
    for file in files:
        if out:
            out.append(BLANK)
        out.extend(draw_file(file, width))
    return out
