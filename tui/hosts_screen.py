"""The hosts screen: each host, and what it says of itself when it is looked over."""

from typing import TYPE_CHECKING, TypeVar

from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.screen import ModalScreen

from agent.errors import AgentError
from remote.errors import RemoteError
from tui.backend import Backend, HostCard
from tui.chooser import Choice, Chooser
from tui.confirm import ConfirmDialog
from tui.drawing.lines import Line, Span, line, spread
from tui.drawing.words import count
from tui.hosts_table import HostsTable
from tui.keymap import bindings
from tui.line_dialog import LineDialog
from tui.lines_view import Lines
from tui.stage import StageScreen

if TYPE_CHECKING:
    from remote.settings_protocol import Use, Variable

_Answer = TypeVar("_Answer")

_WHICH = "Name and address of a host, or an alias of ~/.ssh/config; then its port, if it is not 22"
_WHICH_EXAMPLE = "vm me@vm.example.org 2222"


class HostsScreen(StageScreen[None]):
    """Lists the hosts; each can be looked over, set up, logged in on, given keys, and forgotten."""

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
        yield Lines(_foot, id="hosts-foot")

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
        card = self._marked()
        if card is None:
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

    @work(group="keep", exit_on_error=False)
    async def action_revoke(self) -> None:
        """Ask which variable of the marked host goes, say who has it, and remove it."""
        card = self._marked()
        if card is None:
            return
        try:
            kept = {each.name: each for each in await self.backend.variables(card.name)}
            if not kept:
                self.castoff.show_status(f"{card.name} keeps nothing for agents.")
                return
            rows = [Choice(each.name, each.name, _users(each)) for each in kept.values()]
            variable = kept.get(await self._ask(Chooser(f"Revoke on {card.name}", rows)))
            if variable is None or not await self._ask(_ask_to_revoke(card, variable)):
                return
            await self.backend.keep_variable(card.name, variable.name, "")
        except (AgentError, RemoteError) as error:
            self.castoff.complain(str(error), error.way_out)
            return
        self.castoff.show_status(f"Removed {variable.name} from {card.name}.")

    @work(group="log-in", exit_on_error=False)
    async def action_log_in(self) -> None:
        """Ask for which agent, and lend this terminal to that agent's own login on the marked host."""
        card = self._marked()
        if card is None:
            return
        agent = await self._ask(Chooser(f"Log in on {card.name}", [Choice(n, n) for n in self.backend.logins()]))
        if not agent:
            return
        try:
            await self.backend.log_in(card.name, agent, self.castoff.lend)
        except SuspendNotSupported:
            self.castoff.complain(
                "This terminal cannot be lent.", f"In another: castoff host login {card.name} {agent}"
            )
        except (AgentError, RemoteError) as error:
            self.castoff.complain(str(error), error.way_out)
        else:
            self.castoff.show_status(f"{agent} is logged in on {card.name}, as it says itself. Enter looks.")

    @work(group="remove", exit_on_error=False)
    async def action_remove(self) -> None:
        """Ask, with the sessions that are there, and forget the marked host and its key."""
        card = self._marked()
        if card is None:
            return
        there = [f"{place.title}  ({place.session_id})" for place in self.backend.sessions_on(card.name)]
        means = "Nothing is changed on the host itself; its pinned key goes, too."
        if there:
            means += f" These are there, and are out of reach until you add {card.name} again under that name."
        if not await self._ask(ConfirmDialog(f"Forget {card.name}?", there, means)):
            return
        try:
            await self.backend.remove_host(card.name)
        except RemoteError as error:
            self.castoff.complain(str(error), error.way_out)
            return
        self._show_hosts()
        self.castoff.show_status(f"Forgot {card.name}.")

    def _marked(self) -> HostCard | None:
        card = self.query_one(HostsTable).current
        if card is None:
            self.castoff.complain("There is no host to do that with.")
        return card

    async def _ask(self, dialog: ModalScreen[_Answer]) -> _Answer:
        return await self.app.push_screen_wait(dialog)  # pyright: ignore[reportUnknownMemberType]  # Textual: App[Unknown]

    def _begin(self, says: str, *, set_up: bool) -> None:
        card = self._marked()
        if card is None:
            return
        table = self.query_one(HostsTable)
        table.says[card.name] = says
        table.redraw()
        self._look(card.name, set_up)

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


_KEYS = (
    ("Enter", "look it over"), ("s", "set up"), ("l", "log in"), ("v", "keep a key"), ("d", "revoke a key"),
    ("a", "add"), ("x", "remove"), ("Esc", "back"),
)  # fmt: skip


def _foot(width: int) -> list[Line]:
    """The keys, none of them parted from its word."""
    rows: list[list[Span]] = [[]]
    room = width
    for key, what in _KEYS:
        piece = [Span(key, "key"), Span(f" {what}  ", "muted")]
        size = len(key) + len(what) + 3
        if size > room and rows[-1]:
            rows.append([])
            room = width
        rows[-1] += piece
        room -= size
    return [line(*row) for row in rows]


def _users(variable: "Variable") -> str:
    return ", ".join(run.title or run.agent for run in variable.runs)


def _ask_to_revoke(card: HostCard, variable: "Variable") -> ConfirmDialog:
    means = "castoff cannot give its value back. Runs that start from now on do without it."
    if variable.runs:
        have = f"{count(len(variable.runs), 'run')} may have it until the agent ends"
        means += f" {have}: x in the list of runs stops one."
    return ConfirmDialog(f"Revoke {variable.name} on {card.name}?", [_run_words(each) for each in variable.runs], means)


def _run_words(use: "Use") -> str:
    return f"{use.title or use.agent}  ({use.run_id})"
