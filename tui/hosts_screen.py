"""The hosts screen: each host, and what it says of itself when it is looked over."""

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.reactive import reactive

from agent.errors import AgentError
from remote.errors import RemoteError
from tui.backend import Backend, HostCard, HostLook
from tui.drawing.lines import BLANK, Line, Span, line, pad, span, spread, wrap
from tui.keymap import bindings
from tui.line_dialog import LineDialog
from tui.lines_view import Lines, LinesView
from tui.stage import StageScreen

_WHICH = "Name and address of a host, or an alias of ~/.ssh/config; then its port, if it is not 22"
_WHICH_EXAMPLE = "vm me@vm.example.org 2222"


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


class HostsScreen(StageScreen[None]):
    """Lists the hosts; each can be looked over and set up."""

    BINDINGS = bindings("hosts")
    part = "hosts"
    DEFAULT_CSS = """
    HostsScreen { background: $background; layout: vertical; padding: 1 2; }
    HostsScreen #hosts-title { margin-bottom: 1; }
    HostsScreen #hosts-foot { margin-top: 1; }
    """

    def __init__(self, backend: Backend) -> None:
        """A list of the hosts in the settings; none is asked before the user wants it."""
        super().__init__()
        self.backend = backend

    def compose(self) -> ComposeResult:
        """Title, list, foot."""
        yield Lines(lambda width: [spread([Span("Hosts", "heading")], [], width)], id="hosts-title")
        yield HostsTable(id="hosts")
        yield Lines(lambda _: [_foot()], id="hosts-foot")

    def on_mount(self) -> None:
        """Show the hosts."""
        self._show_hosts()
        self.query_one(HostsTable).focus()

    def _show_hosts(self, marked: str = "") -> None:
        table = self.query_one(HostsTable)
        try:
            table.hosts = self.backend.hosts()
        except RemoteError as error:
            self.castoff.complain(str(error), error.way_out)
        names = [card.name for card in table.hosts]
        table.marked = names.index(marked) if marked in names else 0
        table.redraw()

    def action_move(self, step: int) -> None:
        """Mark another host."""
        table = self.query_one(HostsTable)
        table.marked = max(0, min(len(table.hosts) - 1, table.marked + step))

    def action_look(self) -> None:
        """Look the marked host over."""
        self._begin("Asking …", set_up=False)

    def action_set_up(self) -> None:
        """Install castoff's runtime on the marked host, then look it over."""
        self._begin("Setting it up …", set_up=True)

    @work(group="add", exit_on_error=False)
    async def action_add(self) -> None:
        """Ask which host, connect, and keep it; its key is asked about on the way."""
        words = (await self._ask(LineDialog(_WHICH, _WHICH_EXAMPLE))).split()
        if not words:
            return
        if len(words) not in (2, 3):
            self.castoff.complain("A host is two or three words.", f"For example: {_WHICH_EXAMPLE}")
            return
        name, destination, *rest = words
        if rest and not rest[0].isdecimal():
            self.castoff.complain("A port is a number.", f"For example: {_WHICH_EXAMPLE}")
            return
        try:
            await self.backend.add_host(name, destination, int(rest[0]) if rest else None)
        except RemoteError as error:
            self.castoff.complain(str(error), error.way_out)
            return
        self._show_hosts(name)
        self.castoff.show_status(f"Added {name}. s sets it up.")

    @work(group="keep", exit_on_error=False)
    async def action_keep(self) -> None:
        """Ask for a variable and its value, and keep it on the marked host."""
        card = self.query_one(HostsTable).current
        if card is None:
            self.castoff.complain("There is no host to do that with.")
            return
        variable = await self._ask(LineDialog(f"Keep for agents on {card.name}", "OPENAI_API_KEY"))
        value = await self._ask(LineDialog(f"Value of {variable}", secret=True)) if variable else ""
        if not value:
            return
        try:
            await self.backend.keep_variable(card.name, variable, value)
        except (AgentError, RemoteError) as error:
            self.castoff.complain(str(error), error.way_out)
            return
        self.castoff.show_status(f"Kept {variable} on {card.name}.")

    async def _ask(self, dialog: LineDialog) -> str:
        return await self.app.push_screen_wait(dialog)  # pyright: ignore[reportUnknownMemberType]  # Textual: App[Unknown]

    def _begin(self, says: str, *, set_up: bool) -> None:
        table = self.query_one(HostsTable)
        if table.current is None:
            self.castoff.complain("There is no host to do that with.")
            return
        table.says[table.current.name] = says
        table.redraw()
        self._look(table.current.name, set_up)

    @work(group="hosts", exit_on_error=False)
    async def _look(self, name: str, set_up: bool) -> None:
        table = self.query_one(HostsTable)
        try:
            table.looks[name] = await self.backend.look_over(name, set_up=set_up)
            table.says.pop(name, None)
        except (AgentError, RemoteError) as error:
            table.says[name] = f"{error} {error.way_out}".strip()
        table.redraw()

    def action_back(self) -> None:
        """Close."""
        self.dismiss()


def _foot() -> Line:
    keys = (("Enter", "look it over"), ("s", "set up"), ("a", "add"), ("v", "keep a key"), ("Esc", "back"))
    return line(*[piece for key, what in keys for piece in (Span(key, "key"), Span(f" {what}  ", "muted"))])
