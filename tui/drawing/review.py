"""A diff to be reviewed, as lines: what is run or obeyed by itself first, then each file with its hunks."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tui.drawing.diffs import FileDiffLike, counts
from tui.drawing.hunks import draw_hunk
from tui.drawing.lines import BLANK, Line, Role, Span, fit_start, line, span, spread, wrap
from tui.hunks import Hunk

Key = tuple[str, tuple[str, ...]]
_WORDS = {"added": "new", "modified": "", "deleted": "deleted"}


class Reviewed(NamedTuple):
    """One file of the review; ``why`` is set where a tool runs or obeys it by itself."""

    file: FileDiffLike
    hunks: tuple[Hunk, ...]
    why: str = ""


def draw_files(reviewed: Sequence[Reviewed], seen: Collection[Key], width: int) -> list[Line]:
    """The files with their counts, by folder; a file all of whose hunks were accepted is ticked."""
    out: list[Line] = []
    folder = ""
    for each in reviewed:
        here, _, name = each.file.path.rpartition("/")
        if here != folder and not each.why:
            out.append(line(span(fit_start(span(f"{here}/" if here else "./").text, width), "muted")))
        folder = here if not each.why else ""
        done = bool(each.hunks) and all(hunk.key in seen for hunk in each.hunks)
        mark = Span("✓ " if done else "! " if each.why else "  ", "ok" if done else "warn")
        left = [mark, span(each.file.path if each.why else f"{'  ' if here else ''}{name}")]
        left += [span(f"  {each.why}", "warn")] if each.why else []
        word = _WORDS.get(each.file.change, each.file.change)
        right = [*counts(each.file.added, each.file.removed), span(f" {word}" if word else "", "muted")]
        out.append(spread(left, right, width))
    return out


def draw_review(
    reviewed: Sequence[Reviewed], seen: Collection[Key], comments: Mapping[Key, str], marked: Key | None, width: int
) -> list[Line]:
    """All of it; the hunk that keys are about is marked."""
    out = draw_files(reviewed, seen, width)
    for each in reviewed:
        head = [span(each.file.path, "strong"), span(f"  {each.why}" if each.why else "", "warn")]
        out += [BLANK, spread(head, counts(each.file.added, each.file.removed), width)]
        if each.file.note:
            out.append(line(span(f"  {each.file.note}", "muted")))
        for hunk in each.hunks:
            out += _draw_hunk(hunk, hunk.key in seen, comments.get(hunk.key, ""), hunk.key == marked, width)
    return out


def _draw_hunk(hunk: Hunk, is_seen: bool, comment: str, is_marked: bool, width: int) -> list[Line]:
    fill: Role | None = "selected" if is_marked else None
    state = [Span("✓ accepted ", "ok")] if is_seen else [Span("commented ", "accent")] if comment else []
    left = [Span("▸ " if is_marked else "  ", "accent"), Span(f"line {hunk.start}", "muted")]
    out = [spread([*left, span(f"  {hunk.about}", "muted")], state, width, fill)]
    if not is_seen:
        out += draw_hunk(hunk.rows, hunk.path, width)
    if not hunk.whole:
        out.append(line(Span("  cut here: the diff is too long", "muted")))
    if comment:
        out += wrap([span(comment)], width, first=line(Span("  » ", "accent")))
    return out
