"""The hunks of a diff: told apart, taken back one by one, and commented on. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tui.drawing.diffs import FileDiffLike

_HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_QUOTED = 12
"""Rows of a hunk that a comment quotes."""


class Hunk(NamedTuple):
    """One hunk: ``rows`` begin with a blank, ``+`` or ``-``; ``start`` is the first of its lines now, from 1.

    ``whole`` is false where the diff was cut within it.
    """

    path: str
    change: str
    start: int
    about: str
    rows: tuple[str, ...]
    whole: bool = True

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """What it is, wherever it stands: lines that come or go above it make it no other hunk."""
        return self.path, self.rows

    def side(self, sign: str) -> list[str]:
        """Its lines before (``-``) or now (``+``), each with its end."""
        out: list[str] = []
        is_mine = False
        for row in self.rows:
            if row.startswith("\\"):
                out[-1:] = [out[-1].removesuffix("\n")] if is_mine and out else out[-1:]
                continue
            is_mine = row[:1] in (sign, " ")
            if is_mine:
                out.append(f"{row[1:]}\n")
        return out


def split_hunks(file: FileDiffLike) -> list[Hunk]:
    """The hunks of one file."""
    out: list[Hunk] = []
    rows = file.text.removesuffix("\n").split("\n")
    heads = [number for number, row in enumerate(rows) if row.startswith("@@")]
    for at, end in pairwise([*heads, len(rows)]):
        found = _HEAD.match(rows[at])
        if found is None:
            continue
        body = tuple(rows[at + 1 : end])
        removed, added = (sum(row[:1] in (sign, " ") for row in body) for sign in "-+")
        whole = (removed, added) == (int(found[2] or 1), int(found[4] or 1))
        out.append(Hunk(file.path, file.change, int(found[3]), found[5], body, whole))
    return out


def turn(text: str, hunk: Hunk, *, back: bool) -> str | None:
    """``text`` with the hunk taken back, or made again; ``None`` where the text is not as the hunk has it."""
    there, wanted = (hunk.side("+"), hunk.side("-")) if back else (hunk.side("-"), hunk.side("+"))
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    # A side without lines is said to begin at the line before.
    at = hunk.start - 1 if hunk.side("+") else hunk.start
    if not hunk.whole or lines[at : at + len(there)] != there:
        return None
    return "".join([*lines[:at], *wanted, *lines[at + len(there) :]])


def write_comments(hunks: Iterable[Hunk], comments: Mapping[tuple[str, tuple[str, ...]], str]) -> str:
    """What is said of the hunks as one prompt to the agent."""
    out = ["These are my comments on your changes. Please see to them."]
    for hunk in hunks:
        if said := comments.get(hunk.key):
            shown: Sequence[str] = hunk.rows[:_QUOTED]
            more = [f"… {len(hunk.rows) - _QUOTED} more lines"] if len(hunk.rows) > _QUOTED else []
            fence = "`" * max(3, 1 + max((len(run) for row in shown for run in re.findall("`+", row)), default=0))
            quoted = "\n".join([f"{fence}diff", *shown, *more, fence])
            out.append(f"{hunk.path}, line {hunk.start}:\n{quoted}\n{said}")
    return "\n\n".join(out)
