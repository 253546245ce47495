"""The signpost of a session that is away: where it is, how it stands there, and how to go on with it."""

from textual import work
from textual.app import ComposeResult

from agent.errors import AgentError
from agent.events import Phase
from remote.errors import RemoteError
from remote.run import Run, Unreachable
from tui.backend import Backend, Signpost
from tui.drawing.lines import BLANK, Line, Span, line, span, wrap
from tui.drawing.runs import draw_unreachable
from tui.drawing.words import ago
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.stage import StageScreen

_UNTIL_PULLED = "Nothing in this directory changes until you pull it back."
_STANDS: dict[Phase, str] = {
    "needs-input": "It waits for you there",
    "paused": "It is paused there",
    "finished": "Its work there is done",
    "failed": "It has failed there",
    "stopped": "It was stopped there",
}
"""How a run stands whose phase says that it does not go on by itself."""


class SignpostScreen(StageScreen[None]):
    """The project's session is on a host: where, and how to go on with it. The host is asked how it stands."""

    BINDINGS = bindings("away")
    part = "away"
    DEFAULT_CSS = """
    SignpostScreen { background: $background; align: left middle; padding: 1 4; }
    """

    def __init__(self, backend: Backend, signpost: Signpost) -> None:
        """A signpost to the session."""
        super().__init__()
        self.backend = backend
        self.signpost = signpost
        self._answer: Run | Unreachable | None = None

    def compose(self) -> ComposeResult:
        """One block of lines."""
        yield Lines(self._draw, id="signpost")

    def on_mount(self) -> None:
        """Ask the host once the screen is there."""
        self.call_after_refresh(self._ask)

    @work(exclusive=True, exit_on_error=False)
    async def _ask(self) -> None:
        place = self.signpost.place
        try:
            async for part in self.backend.runs((place.host,)):
                run = next((run for run in part.runs if run.run_id == place.session_id), None)
                self._answer = run or next(iter(part.unreachable), None)
        except (AgentError, RemoteError) as error:
            self.castoff.complain(str(error), error.way_out)
        self.query_one(Lines).redraw()

    def _draw(self, width: int) -> list[Line]:
        place = self.signpost.place
        text = "This session is on " if self.signpost.certain else "This session was on its way to "
        out = [line(span(place.title, "muted")), BLANK]
        out.append(line(Span("→ ", "accent"), Span(text, "strong"), span(place.host, "accent"), Span(".", "strong")))
        out += [BLANK, *_draw_answer(self._answer, width), *wrap([Span(_UNTIL_PULLED, "muted")], width), BLANK]
        keys = (
            ("Enter", "reattach"),
            ("p", "pull it back"),
            ("t", "its terminal"),
            ("Ctrl+R", "all runs"),
            ("n", "new session here"),
            ("Ctrl+Q", "quit"),
        )
        spans = [s for key, what in keys for s in (Span(key, "key"), Span(f" {what}   ", "muted"))]
        return [*out, *wrap(spans, width)]

    def action_open(self) -> None:
        """Reattach."""
        self.castoff.reattach(self.signpost.place)

    def action_pull(self) -> None:
        """Take it home."""
        self.castoff.open_pull(self.signpost.place)

    def action_terminal(self) -> None:
        """Show its own terminal there."""
        self.castoff.open_terminal(self.signpost.place)

    def action_fresh(self) -> None:
        """Begin another session here."""
        self.castoff.open_fresh(self.signpost.place.agent)


def _draw_answer(answer: Run | Unreachable | None, width: int) -> list[Line]:
    if answer is None:
        return []
    if isinstance(answer, Unreachable):
        return draw_unreachable(answer, width)
    if answer.phase in _STANDS:
        return wrap([Span(f"{_STANDS[answer.phase]} ({ago(max(0.0, answer.now - answer.at))}).")], width)
    return wrap([Span("It goes on there." if answer.alive else "It does not go on: its runner there is gone.")], width)
