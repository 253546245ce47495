"""What became of the notifications of a run, newest first."""

import time

from agent.events import Notified
from tui.drawing.lines import Line, Span, cut, line, pad, span, wrap

_EMPTY = "No notification was sent of it. castoff notify add says where they go."
_INDENT = 13


def draw_deliveries(deliveries: tuple[Notified, ...], width: int, height: int) -> list[Line]:
    """One row a delivery, and one on why it failed where that does not fit beside it; ``height`` rows at most."""
    if not deliveries:
        return wrap([Span(_EMPTY, "muted")], width)
    rows: list[Line] = []
    for number, event in enumerate(reversed(deliveries)):
        drawn, left = _draw(event, width), len(deliveries) - number
        # The last row is kept for what does not fit.
        if len(rows) + len(drawn) > height - (left > 1):
            return [*rows, line(Span(f"… and {left} before: castoff notify log", "muted"))]
        rows += drawn
    return rows


def _draw(event: Notified, width: int) -> list[Line]:
    when = time.strftime("%m-%d %H:%M", time.localtime(event.at))
    mark = Span("✓ sent   ", "ok") if event.ok else Span("✗ failed ", "bad")
    head = (Span(f"{when}  ", "muted"), mark, span(f"{pad(event.about, 14)} "), span(event.channel))
    why = span("" if event.ok else event.detail, "muted")
    whole = line(*head, Span("  "), why)
    if event.ok or whole.width <= width:
        return [cut(whole, width)]
    return [cut(line(*head), width), cut(line(Span(" " * _INDENT), why), width)]
