"""The hosts that a session can be cast off to, a row each: how far, how busy, how well fenced."""

from collections.abc import Mapping, Sequence

from tui.backend import Glance, HostCard
from tui.drawing.lines import Line, Role, Span, fit, pad, span, spread
from tui.drawing.words import size

_LABEL = 10
_LEVELS: dict[str, tuple[str, Role]] = {
    "full": ("sandbox full", "ok"),
    "open": ("sandbox open", "text"),
    "reduced": ("sandbox reduced", "warn"),
    "none": ("no sandbox", "bad"),
}
_MOST = 8


def draw_hosts(cards: Sequence[HostCard], seen: Mapping[str, Glance], chosen: str, width: int) -> list[Line]:
    """A row a host, the chosen one marked; the rest of many is counted."""
    shown = _around(cards, chosen)
    room = min(24, max((len(span(card.name).text) for card in shown), default=0))
    out: list[Line] = []
    for index, card in enumerate(shown):
        marked = card.name == chosen
        head = [Span(pad("Hosts" if len(cards) > 1 else "Host", _LABEL) if index == 0 else " " * _LABEL, "muted")]
        head += [Span("▸ " if marked else "  ", "accent"), span(pad(span(card.name).text, room), "accent")]
        right = [Span("F2", "key"), Span(" next host", "muted")] if index == 0 and len(cards) > 1 else []
        out.append(spread([*head, Span("  "), *_draw_glance(seen.get(card.name), width - room - 28)], right, width))
    if len(cards) > len(shown):
        out.append(Line((Span(" " * (_LABEL + 2)), Span(f"and {len(cards) - len(shown)} more", "muted"))))
    return out


def _around(cards: Sequence[HostCard], chosen: str) -> Sequence[HostCard]:
    at = next((i for i, card in enumerate(cards) if card.name == chosen), 0)
    first = max(0, min(at - _MOST // 2, len(cards) - _MOST))
    return cards[first : first + _MOST]


def _draw_glance(seen: Glance | None, room: int) -> list[Span]:
    if seen is None:
        return [Span("…", "muted")]
    if seen.fault:
        return [Span("✗ ", "bad"), Span(fit(span(seen.fault).text, max(8, room)), "muted")]
    parts: list[Span] = [Span(f"{seen.rtt * 1000:.0f} ms")]
    if seen.load is not None and seen.processors:
        busy = seen.load >= seen.processors
        parts.append(Span(f"load {seen.load:.1f} of {seen.processors}", "warn" if busy else "text"))
    if seen.sandbox:
        parts.append(Span(*_LEVELS[seen.sandbox]))
    parts.append(Span(f"{size(seen.free)} free", "muted") if seen.free else Span("not set up yet", "muted"))
    return [piece for i, part in enumerate(parts) for piece in ([Span(" · ", "muted"), part] if i else [part])]
