"""The plan of a pull as lines: executable configuration first, then clashes, then changes; and how it ended."""

from collections.abc import Collection, Sequence

from remote.steps import Clash, HeldBack, Home, Planned
from tui.drawing.diffs import draw_hunks
from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.drawing.words import count

_CHANGES = 200
_CLASHES = 50


def draw_plan(step: Planned, accepted: Collection[int], mark: int, *, deletions: bool, width: int) -> list[Line]:
    """What will happen here: ``accepted`` are indexes of executable files, ``mark`` is the one keys are about."""
    out: list[Line] = []
    if step.executable:
        text = "Some tool runs or obeys these by itself. What you do not take stays as it is here."
        out += [line(Span(count(len(step.executable), "file"), "strong"), Span(" to look at first", "strong"))]
        out += wrap([Span(text, "muted")], width)
    for index, each in enumerate(step.executable):
        box = Span("[x] ", "ok") if index in accepted else Span("[ ] ", "warn")
        first = line(Span("▸ " if index == mark else "  ", "accent"), box)
        rows = wrap([span(each.path), span(f"  {each.change}, {each.why}", "muted")], width, first=first)
        out += [row._replace(fill="selected") for row in rows] if index == mark else rows
        if index == mark:
            out += draw_hunks(each.text, width) or [line(span(f"  {each.text}", "muted"))]
    if step.mass_deletion is not None:
        lost, had = step.mass_deletion
        does = "They are deleted here too." if deletions else "They stay here."
        out += [BLANK, *wrap([Span(f"The run deleted {lost:,} of {count(had, 'file')}. {does}", "warn")], width)]
    out += _clashes("Both versions are kept.", step.clashes, width)
    out += [BLANK, line(Span(f"{count(len(step.changes), 'file')} changed by the run", "strong"))]
    marks = {"added": "+", "modified": "±", "deleted": "−"}
    for change in step.changes[:_CHANGES]:
        out += wrap([span(change.path)], width, first=line(Span(f"{marks[change.change]} ", "accent")))
    return out + _more(len(step.changes), _CHANGES)


def draw_left_open(step: Home, width: int) -> list[Line]:
    """What a pull left to the user: notes, clashes and what was held back, with the commands."""
    out: list[Line] = []
    for note in step.notes:
        out += wrap([span(note, "warn")], width)
    out += _clashes("In the project's folder these commands settle them.", step.clashes, width)
    return out + _held(step.held, width)


def _clashes(what: str, clashes: Sequence[Clash], width: int) -> list[Line]:
    if not clashes:
        return []
    head = [Span(count(len(clashes), "clash", "clashes"), "strong"), Span(f"  {what}", "muted")]
    out = [BLANK, *wrap(head, width)]
    for clash in clashes[:_CLASHES]:
        first = line(Span("! ", "warn"))
        out += wrap([span(clash.path), span(f" {clash.sentence}", "muted")], width, first=first)
        for way in clash.ways:
            out += wrap([span(f"for {way.takes}: ", "muted"), span(way.command, "code")], width, first=line("  "))
    return out + _more(len(clashes), _CLASHES)


def _held(held: Sequence[HeldBack], width: int) -> list[Line]:
    if not held:
        return []
    head = [Span(f"{count(len(held), 'change')} held back", "strong")]
    out = [BLANK, *wrap([*head, Span("  In the project's folder these commands make them.", "muted")], width)]
    for each in held[:_CLASHES]:
        out += wrap([span(each.path)], width, first=line(Span("! ", "warn")))
        out += wrap([span(each.command, "code")], width, first=line("  "))
    return out + _more(len(held), _CLASHES)


def _more(number: int, shown: int) -> list[Line]:
    return [line(Span(f"  and {number - shown:,} more", "muted"))] if number > shown else []
