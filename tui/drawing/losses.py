"""The loss report as a table: what stays or is otherwise on the host, how much it is, why, and what was decided."""

from collections.abc import Sequence

from remote.findings import Choice, LossKind, Stays, is_loss
from tui.drawing.lines import Line, Role, Span, cut, fit, pad, span, spread, wrap
from tui.drawing.words import count, size

_LABEL = 10
_CHOICE = 7
_WHAT = 30
_AMOUNT = 22
_WIDE = 100
_LABELS: dict[LossKind, str] = {
    "ignored": "Stays",
    "unreadable": "Closed",
    "outside": "Outside",
    "command": "Missing",
    "version": "Differs",
    "variable": "Not set",
    "mcp": "MCP",
    "process": "Ends",
    "other": "Stays",
}
_ROLES: dict[Choice, Role] = {"leave": "muted", "carry": "ok", "stop": "warn"}


def draw_losses(stays: Sequence[Stays], width: int, mark: int | None = None) -> list[Line]:
    """A row for each, two in a narrow place; the one with the index ``mark`` is marked."""
    if not stays:
        return wrap([Span("nothing", "muted")], width, first=Line((Span(pad("Stays", _LABEL), "muted"),)))
    out: list[Line] = []
    label = ""
    for index, each in enumerate(stays):
        word = _LABELS[each.kind]
        rows = _draw(each, "" if word == label else word, width)
        out += [row._replace(fill="selected") for row in rows] if index == mark else rows
        label = word
    return out


def next_choice(stays: Stays) -> Choice:
    """What comes after the choice that is made: leave, carry where that can be, stop."""
    order: list[Choice] = [
        "leave",
        *(["carry"] if stays.can_carry else []),
        *(["stop"] if stays.kind != "other" else []),
    ]
    return order[(order.index(stays.choice) + 1) % len(order)] if stays.choice in order else "leave"


def amount(stays: Stays) -> str:
    """How much it is: files and bytes, where they are known."""
    parts = (count(stays.files, "file") if stays.files else "", size(stays.size) if stays.size else "")
    return ", ".join(part for part in parts if part)


def _draw(stays: Stays, label: str, width: int) -> list[Line]:
    decided = stays.choice if is_loss(stays) or stays.can_carry else ""
    head = (Span(pad(label, _LABEL), "muted"), Span(pad(decided, _CHOICE), _ROLES[stays.choice]))
    what, much = span(stays.what), Span(amount(stays), "muted")
    if width < _WIDE:
        below = Line((Span(" " * (_LABEL + _CHOICE)),))
        first = spread([*head, what], [much] if much.text else [], width)
        return [first, *wrap([span(stays.why, "muted")], width, first=below)]
    cells = (*head, Span(pad(fit(what.text, _WHAT), _WHAT + 2)), Span(pad(much.text, _AMOUNT + 2), "muted"))
    return [cut(row, width) for row in wrap([span(stays.why, "muted")], width, first=Line(cells))]
