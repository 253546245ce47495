"""The workspace's panes: plan, diff, question."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.events import Key
from textual.message import Message
from textual.reactive import reactive

from agent.events import PlanEntry
from agent.state import SessionState
from agent.steps import Step
from tui.drawing.diffs import draw_diff, totals
from tui.drawing.lines import BLANK, Line, Span, line, span, spread, wrap
from tui.drawing.panes import draw_plan, draw_question
from tui.drawing.words import count
from tui.keymap import bindings
from tui.lines_view import LinesView
from tui.quiet import Quiet

if TYPE_CHECKING:
    from snapshot.diff import Diff


class PlanPane(LinesView, can_focus=True):
    """The agent's plan; with the focus, one step is marked, and Enter goes to its place in the transcript."""

    BINDINGS = bindings("plan")
    DEFAULT_CSS = """
    PlanPane { height: auto; max-height: 45%; padding: 0 1; }
    """

    plan: reactive[tuple[PlanEntry, ...]] = reactive(())
    steps: tuple[Step, ...] = ()
    """What is known of the plan's steps over time."""
    now = 0.0
    """Unix time by the clock of the session's machine."""
    marked: reactive[int] = reactive(0)

    @dataclass
    class Wanted(Message):
        """The user wants to see where a step began."""

        step: Step

    def watch_plan(self) -> None:
        """Show the plan."""
        self.marked = min(self.marked, max(0, len(self.plan) - 1))
        self.redraw()
        self.refresh(layout=True)

    def watch_marked(self) -> None:
        """Show the mark, and where it is."""
        self.redraw()
        rows = [row for row, drawn in enumerate(self.lines) if drawn.fill == "selected"]
        if rows and not self.scroll_offset.y <= rows[0] <= rows[-1] < self.scroll_offset.y + self.size.height:
            self.scroll_to(y=rows[0] - self.size.height // 2, animate=False)

    def watch_has_focus(self, focused: bool) -> None:
        """The mark is shown only where keys move it."""
        super().watch_has_focus(focused)
        self.redraw()

    def tell_time(self, steps: tuple[Step, ...], now: float) -> None:
        """Show how long the steps have taken until ``now``."""
        if steps != self.steps or any(step.since is not None for step in steps):
            self.steps, self.now = steps, now
            self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The plan's lines."""
        return draw_plan(self.plan, width, self.steps, self.now, self.marked if self.has_focus else None)

    def action_move(self, step: int) -> None:
        """Mark another step."""
        self.marked = max(0, min(len(self.plan) - 1, self.marked + step))

    def action_jump(self) -> None:
        """Ask for the marked step's place in the transcript."""
        if self.marked < len(self.steps):
            self.post_message(self.Wanted(self.steps[self.marked]))


class DiffPane(LinesView, can_focus=True):
    """What the session changed; a sentence instead while that is not known."""

    DEFAULT_CSS = """
    DiffPane { height: 1fr; padding: 0 1; scrollbar-gutter: stable; }
    """

    diff: "reactive[Diff | None]" = reactive(None, always_update=True)
    trouble: reactive[str] = reactive("")
    is_read: reactive[bool] = reactive(True, init=False)
    """Whether there is a session whose diff can be read."""
    since: reactive[str] = reactive("")
    """Since when, where that is not the session's beginning."""

    def watch_since(self) -> None:
        """Say since when."""
        self.redraw()

    def watch_diff(self) -> None:
        """Show the diff."""
        self.redraw()

    def watch_is_read(self) -> None:
        """Show it."""
        self.redraw()

    def watch_trouble(self) -> None:
        """Show the sentence."""
        self.redraw()

    def draw(self, width: int) -> Sequence[Line]:
        """The diff's lines."""
        head = [Span("Diff", "heading"), span(f"  {self.since}" if self.since else "", "muted")]
        if self.trouble:
            return [spread(head, [], width), *wrap([span(self.trouble, "warn")], width)]
        if self.diff is None:
            return [
                spread(head, [], width),
                line(Span("Reading …" if self.is_read else "No session has begun here yet.", "muted")),
            ]
        files = self.diff.files
        if not files:
            text = f"Nothing has changed {self.since or 'so far'}."
            return [line(head[0]), *wrap([span(text, "muted")], width)]
        right = [Span(count(len(files), "file") + " ", "muted"), *totals(files)]
        return [spread(head, right, width), BLANK, *draw_diff(files, width)]


class QuestionBar(LinesView, can_focus=True):
    """The oldest open permission question, answered here by digit, or by arrows and Enter."""

    BINDINGS = bindings("question")
    DEFAULT_CSS = """
    QuestionBar { height: auto; max-height: 60%; display: none; padding: 0 1; }
    QuestionBar.asking { display: block; }
    """

    state: reactive[SessionState] = reactive(SessionState, always_update=True)
    chosen: reactive[int] = reactive(0)

    @dataclass
    class Answered(Message):
        """The user chose an answer."""

        request_id: str
        option_id: str

    def __init__(self, *, id: str | None = None) -> None:
        """A bar without a question."""
        super().__init__(id=id)
        self._shown = ""
        self._quiet = Quiet(time.monotonic())

    def watch_state(self, state: SessionState) -> None:
        """Show the oldest question; a new one takes no answer before it could be read."""
        asked = state.questions[0].request_id if state.questions else ""
        if not asked and not self._shown:
            # A layout with each piece of a stream would paint the whole screen anew.
            return
        self.set_class(bool(asked), "asking")
        if asked != self._shown:
            self._shown = asked
            self.chosen = 0
            self._quiet = Quiet(time.monotonic())
            if asked:
                self._quiet.drawn(time.monotonic())
        self.redraw()
        self.refresh(layout=True)

    def watch_chosen(self) -> None:
        """Mark the answer."""
        self.redraw()

    def watch_has_focus(self, focused: bool) -> None:
        """Say how to get here."""
        super().watch_has_focus(focused)
        # Keys that were meant for where the focus was before do not answer.
        self._quiet = Quiet(time.monotonic())
        self._quiet.drawn(time.monotonic())
        self.redraw()
        self.refresh(layout=True)

    def draw(self, width: int) -> Sequence[Line]:
        """The question's lines."""
        if not self.state.questions:
            return []
        return draw_question(self.state, self.state.questions[0], self.chosen, self.has_focus, width)

    def action_move(self, step: int) -> None:
        """Mark another answer."""
        if self.state.questions:
            self.chosen = (self.chosen + step) % max(1, len(self.state.questions[0].options))

    def action_accept(self) -> None:
        """Give the marked answer."""
        self._answer(self.chosen)

    def on_key(self, event: Key) -> None:
        """A digit answers."""
        if event.character and event.character in "123456789":
            event.stop()
            self._answer(int(event.character) - 1)

    def _answer(self, index: int) -> None:
        if not self.state.questions or not self._quiet.key(time.monotonic()):
            return
        question = self.state.questions[0]
        if index < len(question.options):
            self.post_message(self.Answered(question.request_id, question.options[index].option_id))
