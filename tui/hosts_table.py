"""The table of the hosts screen: each host, and below the marked one what was seen of it."""

from collections.abc import Sequence

from textual.reactive import reactive

from tui.backend import HostCard, HostLook
from tui.drawing.lines import BLANK, Line, Span, line, pad, span, wrap
from tui.lines_view import LinesView


class HostsTable(LinesView, can_focus=True):
    """The hosts; below the marked one what was seen of it."""

    DEFAULT_CSS = """
    HostsTable { height: 1fr; }
    """

    hosts: tuple[HostCard, ...] = ()
    marked: reactive[int] = reactive(0)

    def __init__(self, *, id: str | None = None) -> None:
        """Hosts that were not looked over yet."""
        super().__init__(id=id)
        self.looks: dict[str, HostLook] = {}
        self.says: dict[str, str] = {}
        """What is under way with a host, or why it cannot be looked over."""

    @property
    def current(self) -> HostCard | None:
        """The marked host."""
        return self.hosts[self.marked] if self.hosts else None

    def watch_marked(self) -> None:
        """Show the mark."""
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """Each host, then what is known of the marked one."""
        if not self.hosts:
            return wrap(
                [Span("No host yet. a adds one, as does in a terminal: castoff host add", "muted")],
                width,
            )
        out: list[Line] = []
        for card in self.hosts:
            mark = card == self.current
            out.append(
                line(
                    Span("▸ " if mark else "  ", "accent"),
                    span(card.name, "strong"),
                    span(f"  {card.destination}", "muted"),
                )
            )
            if mark:
                out += self._draw_look(card, width)
        return out

    def _draw_look(self, card: HostCard, width: int) -> list[Line]:
        out: list[Line] = []
        if says := self.says.get(card.name):
            out += wrap([span(says, "warn")], width, first=line("    "))
        if look := self.looks.get(card.name):
            for name, value in look.rows:
                out += wrap([span(value)], width, first=line("    ", span(pad(name, 16), "muted")))
            for note in look.notes:
                out += wrap([span(note, "warn")], width, first=line("    "))
        return [*out, BLANK]
