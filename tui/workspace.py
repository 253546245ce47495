"""The workspace: transcript, plan and diff of one session, and the composer."""

import asyncio
import time
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Offset
from textual.reactive import reactive

from agent.absence import sum_up
from agent.events import Judged
from agent.questions import answered_elsewhere
from agent.state import SessionState
from tui.again import Again
from tui.backend import Backend, Place, ViewerLike
from tui.commands import POLICIES, parse
from tui.composer import Composer
from tui.drawing.frame import draw_banner, draw_tabs
from tui.drawing.lines import Line, Span, rule
from tui.drawing.panes import draw_status
from tui.drawing.words import count
from tui.entry import Entry
from tui.errors import TuiError
from tui.export import write_export
from tui.find_bar import FindBar
from tui.following import FollowingScreen
from tui.jump import Target
from tui.keymap import bindings
from tui.lines_view import Lines
from tui.messages import DiffChanged, LinkChanged, StateChanged
from tui.panes import DiffPane, PlanPane, QuestionBar
from tui.places import place_of
from tui.transcript import Transcript
from tui.workspace_commands import say

TABS = ("transcript", "plan", "diff")
INTERRUPT_SECONDS = 2.0
_AWAY_SECONDS = 600.0
"""Whoever was away for longer is told what happened."""
NARROW = 100
"""Columns below which the panes become tabs."""


class Workspace(FollowingScreen):
    """Shows one session, here or on a host; without a session yet, the first prompt begins one."""

    CSS_PATH = "workspace.tcss"
    BINDINGS = bindings("workspace")
    part = "workspace"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012  # Textual declares it per instance

    tab: reactive[str] = reactive("transcript")

    def __init__(self, backend: Backend, place: Place | None, *, agent: str = "") -> None:
        """A workspace for ``place``; for ``None``, a session of ``agent`` that begins with the first prompt."""
        super().__init__(backend, place)
        self.agent = agent or (place.agent if place else next(iter(backend.agents), ""))
        self._below = 0
        self._offered = ""
        self._answers: set[str] = set()
        """Questions that were answered here."""
        self._interrupt = Again(INTERRUPT_SECONDS)
        self._caught_up = False
        self._told_away = False

    @property
    def state(self) -> SessionState:
        """The session's state as shown."""
        return self.query_one(Transcript).state

    def compose(self) -> ComposeResult:
        """Tabs (narrow only), panes, question, composer, status."""
        yield Lines(self._draw_tabs, id="tabs")
        with Horizontal(id="middle"):
            yield Transcript(id="transcript")
            with Vertical(id="side"):
                yield PlanPane(id="plan")
                yield DiffPane(id="diff")
        yield Lines(self._draw_banner, id="banner")
        yield FindBar(id="find")
        yield QuestionBar(id="question")
        yield Entry(self.backend.files, self._draw_edge)
        yield Lines(self._draw_status, id="status")

    def on_mount(self) -> None:
        """Attach, and keep what tells the time up to date."""
        # The breakpoints apply only at the first resize, which is one frame too late.
        columns = self.app.size.width  # pyright: ignore[reportUnknownMemberType]  # Textual types it App[Unknown]
        self.set_class(columns < NARROW, "-narrow")
        composer = self.query_one(Composer)
        composer.focus()
        self.query_one(Transcript).project = self.place.project if self.place else self.backend.project
        self._say_where(self.place)
        self.set_interval(1.0, self._tick)
        self.watch_tab()
        self.query_one(Entry).open_draft(self.backend.draft(self.place))
        if self.place is not None:
            self.begin(self.place)

    def begin(self, place: Place) -> None:
        """Follow ``place`` from now on."""
        self._say_where(place)
        self.query_one(Entry).open_draft(self.backend.draft(place))
        super().begin(place)

    def _say_where(self, place: Place | None) -> None:
        """What the panes say of themselves depends on where the session is."""
        host = place.host if place else ""
        key = "Ctrl+L pulls it back" if host else f"{self.castoff.handoff_key} casts off"
        self.query_one(Composer).placeholder = f"Ask the agent   / commands   {key}"
        self.query_one(DiffPane).is_read = place is not None
        self.query_one(DiffPane).since = f"since it came to {host}" if host else ""
        transcript = self.query_one(Transcript)
        transcript.attaching = f"Attaching to {host} …" if host else "Opening the session …" if place else ""
        transcript.redraw()

    @on(DiffChanged)
    def _diff_changed(self, message: DiffChanged) -> None:
        pane = self.query_one(DiffPane)
        if message.diff is not None:
            pane.diff = message.diff
        pane.trouble = message.trouble
        self._refresh_lines("tabs")

    @on(StateChanged)
    def _state_changed(self, message: StateChanged) -> None:
        before = self.state
        state = message.state
        self.query_one(Transcript).state = state
        self.query_one(PlanPane).tell_time(state.steps, state.at)
        self.query_one(PlanPane).plan = state.plan
        self.query_one(Entry).state = state
        question = self.query_one(QuestionBar)
        question.state = state
        self._place_focus(before, state)
        if before.running != state.running or before.turn != state.turn:
            self.want_diff()
        self._refresh_lines("tabs", "status", "banner")
        self._tell_answers(before, state)

    def _tell_answers(self, before: SessionState, state: SessionState) -> None:
        """A question that goes away because another viewer answered it is not just gone."""
        for question in before.questions:
            if question.request_id not in self._answers:
                settled = answered_elsewhere(state, question.request_id)
                if settled is not None:
                    self.castoff.show_status(settled)

    def _place_focus(self, before: SessionState, state: SessionState) -> None:
        """Each question takes the focus once from an empty composer, and gives it back when all are answered."""
        question, composer = self.query_one(QuestionBar), self.query_one(Composer)
        if state.questions:
            asked = state.questions[0].request_id
            if asked != self._offered and not composer.text and self.focused is composer and self.is_current:
                self._offered = asked
                # Not before the bar is displayed: a hidden widget takes no focus.
                self.call_after_refresh(question.focus)
        elif before.questions and question.has_focus:
            composer.focus()

    def on_screen_resume(self) -> None:
        """Back from another screen: a question may have come meanwhile."""
        if self.is_mounted and self.query(QuestionBar):
            self._place_focus(self.state, self.state)

    @on(LinkChanged)
    def _link_changed(self, message: LinkChanged) -> None:
        self.lost = message
        self._refresh_lines("status", "banner")

    @on(Composer.Submitted)
    async def _submitted(self, message: Composer.Submitted) -> None:
        await say(self, parse(message.text, {command.name for command in self.state.commands}))

    @on(Composer.TakingBack)
    def action_take_back(self) -> None:
        """Put the prompt that waits last back into the composer."""
        waiting = [prompt for prompt in self.state.queue if prompt.source == "user"]
        if not waiting:
            self.castoff.complain("No prompt of yours waits.", "Esc, twice, interrupts the agent's turn.")
            return
        last = waiting[-1]

        async def take(viewer: ViewerLike) -> None:
            await viewer.take_back(last.prompt_id)
            self.query_one(Entry).give_back(last.text)

        self.command(take)

    def action_review(self) -> None:
        """Go through the diff hunk by hunk."""
        if self.place is None:
            self.castoff.complain("Nothing has changed yet.", "Ask the agent for something first.")
        else:
            self.castoff.open_diff(self.place)

    def action_edit(self) -> None:
        """Write on in the user's own editor."""
        self.query_one(Entry).edit(self.castoff.lend)

    def on_screen_suspend(self) -> None:
        """Another screen comes: the session may move from there."""
        if self.query(Entry):
            self.query_one(Entry).keep_now()

    @on(Transcript.Followed)
    def _followed(self, message: Transcript.Followed) -> None:
        self._below = 0 if message.following else message.below
        self._refresh_lines("edge")

    @on(PlanPane.Wanted)
    def _show_step(self, message: PlanPane.Wanted) -> None:
        place = place_of(self.state.blocks, message.step.seq)
        if place is None:
            self.castoff.show_status("That step has not begun yet.")
            return
        if self.has_class("-narrow"):
            self.tab = "transcript"
        transcript = self.query_one(Transcript)
        # Where it was hidden it has no size before the next layout.
        self.call_after_refresh(lambda: transcript.show_place(place))
        transcript.focus()

    @on(QuestionBar.Answered)
    def _answered(self, message: QuestionBar.Answered) -> None:
        self._answers.add(message.request_id)
        self.command(lambda viewer: viewer.answer(message.request_id, message.option_id))

    def send_prompt(self, text: str) -> None:
        """Queue a prompt; a text that did not get through comes back into an empty composer."""
        self.command(lambda viewer: viewer.prompt(text), refused=lambda: self.keep_draft(text))

    def keep_draft(self, text: str) -> None:
        """Put a text that was not taken back into the composer."""
        self.query_one(Entry).give_back(text)

    def jump_targets(self) -> list[Target]:
        """The panes that are shown; where they are tabs, the others too."""
        shown = super().jump_targets()
        if not self.has_class("-narrow"):
            return shown
        row = self.query_one("#tabs").region.offset
        hidden = [name for name in TABS if name != self.tab]
        return shown + [
            Target(name, row + Offset(20 * i, 0), lambda name=name: self._show_tab(name))
            for i, name in enumerate(hidden)
        ]

    def _show_tab(self, name: str) -> None:
        self.tab = name
        self.call_after_refresh(lambda: self.query_one(f"#{name}").focus())

    # Actions

    def action_hand_off(self, host: str = "", last_word: str = "") -> None:
        """Open the handoff screen."""
        self.castoff.open_handoff(self, host, last_word)

    def action_pull(self) -> None:
        """Open the pull-back screen for a run."""
        if self.place is None or not self.place.host:
            self.castoff.complain("This session is here already.", "Ctrl+R lists the runs on your hosts.")
            return
        self.castoff.open_pull(self.place)

    def action_interrupt(self) -> None:
        """Cancel the agent's turn, at the second press within two seconds."""
        composer = self.query_one(Composer)
        if not composer.has_focus:
            composer.focus()
        if self.state.turn is None:
            return
        if self._interrupt.press(time.monotonic()):
            self.command(lambda viewer: viewer.interrupt())
        self._refresh_lines("edge")

    def action_next_policy(self) -> None:
        """Choose the next permission policy."""
        policy = POLICIES[(POLICIES.index(self.state.policy) + 1) % len(POLICIES)]
        self.command(lambda viewer: viewer.set_policy(policy))

    def action_resume(self) -> None:
        """Go on after a pause."""
        self.command(lambda viewer: viewer.resume())

    def action_extend(self) -> None:
        """Grant the budget once more and go on."""
        self.command(lambda viewer: viewer.extend())

    def action_excuse(self) -> None:
        """Say that what the watch found last is fine."""
        found = self.state.verdicts[-1:]
        if not found:
            self.castoff.complain("Nothing was found that would have to be fine.", "/resume goes on after a pause.")
            return
        self.command(lambda viewer: self._excuse(viewer, found[0]))

    async def _excuse(self, viewer: ViewerLike, found: Judged) -> None:
        from remote.project_fine import teach_fine

        await viewer.excuse(found.rule, found.key)
        tree = Path(self.place.project if self.place else self.backend.project)
        if told := await asyncio.to_thread(teach_fine, tree, found.rule, found.key):
            self.castoff.show_status(told)

    def action_show_timeline(self) -> None:
        """Show the run over time."""
        self.castoff.open_timeline(self)

    def action_show_deliveries(self) -> None:
        """Show what became of the run's notifications."""
        self.castoff.open_deliveries(self)

    def action_follow(self) -> None:
        """Go to the end of the transcript."""
        self.query_one(Transcript).follow()

    def action_page(self, pages: int) -> None:
        """Scroll the focused pane by pages; from the composer, the transcript."""
        pane = self.focused if isinstance(self.focused, DiffPane | PlanPane) else self.query_one(Transcript)
        pane.scroll_relative(y=pages * max(1, pane.size.height - 2), animate=False)

    def action_toggle_details(self) -> None:
        """Show or hide thoughts and full outputs."""
        transcript = self.query_one(Transcript)
        transcript.details = not transcript.details

    def action_copy_last(self) -> None:
        """Copy the agent's last message."""
        texts = [b.text for b in self.state.blocks if b.type == "text"]
        if not texts:
            self.castoff.complain("The agent has said nothing yet.")
            return
        self.castoff.copy_to_clipboard(texts[-1])

    @on(Transcript.Copied)
    def _copied(self, message: Transcript.Copied) -> None:
        self.castoff.copy_to_clipboard(message.text)

    @on(Transcript.Missed)
    def _missed(self, message: Transcript.Missed) -> None:
        self.castoff.show_status(message.sentence)

    def action_find(self, text: str = "") -> None:
        """Search the transcript."""
        if self.has_class("-narrow"):
            self.tab = "transcript"
        self.query_one(FindBar).begin(text)

    @on(FindBar.Wanted)
    def _find(self, message: FindBar.Wanted) -> None:
        self.query_one(FindBar).told = self.query_one(Transcript).search(message.text, message.step)

    @on(FindBar.Closed)
    def _found(self) -> None:
        transcript = self.query_one(Transcript)
        transcript.needle = ""
        transcript.refresh()
        self.query_one(Composer).focus()

    def action_export(self, name: str = "") -> None:
        """Write the transcript to a file in the project."""
        if not self.state.blocks:
            self.castoff.complain("There is nothing to write yet.")
            return
        title = self.place.title if self.place else ""
        try:
            path = write_export(Path(self.backend.project), name, title, self.state)
        except TuiError as error:
            self.castoff.complain(str(error), error.way_out)
        else:
            self.castoff.show_status(f"Written to {path}.")

    def action_next_pane(self) -> None:
        """Narrow: the next tab. Wide: focus the next pane."""
        if self.has_class("-narrow"):
            self.tab = TABS[(TABS.index(self.tab) + 1) % len(TABS)]
            return
        order = [
            self.query_one(Composer),
            self.query_one(Transcript),
            self.query_one(PlanPane),
            self.query_one(DiffPane),
        ]
        at = next((i for i, w in enumerate(order) if w.has_focus), 0)
        order[(at + 1) % len(order)].focus()

    def watch_tab(self) -> None:
        """Show the tab's pane."""
        for name in TABS:
            self.set_class(self.tab == name, f"-tab-{name}")
        self._refresh_lines("tabs")

    # Lines around the panes

    def _refresh_lines(self, *names: str) -> None:
        if self.is_mounted:
            for name in names:
                self.query_one(f"#{name}", Lines).redraw()

    def _tick(self) -> None:
        if self._interrupt.lapse(time.monotonic()):
            self._refresh_lines("edge")
        self._place_focus(self.state, self.state)
        self._refresh_lines("status", "banner")
        self.query_one(PlanPane).tell_time(self.state.steps, self.state.at + self.age)
        self._tell_away()

    def _tell_away(self) -> None:
        """Once, when a run's history is here: what happened while nobody was there for long."""
        state = self.state
        if self._told_away or not state.head_seq:
            return
        if not self._caught_up:
            # The history takes a moment to come in whole.
            self._caught_up = True
            return
        self._told_away = True
        long = state.at + self.age - state.human_at >= _AWAY_SECONDS
        if long and self.place and self.place.host and self.is_current and sum_up(state).eventful:
            self.castoff.open_timeline(self)

    def _draw_status(self, width: int) -> list[Line]:
        move = ("Ctrl+L", "pull back") if self.place and self.place.host else (self.castoff.handoff_key, "cast off")
        keys = (move, ("Ctrl+R", "runs"), ("Ctrl+P", "all"))
        state = self.state if self.state.agent else self.state.model_copy(update={"agent": self.agent})
        return [draw_status(state, self.link(), state.at + self.age, width, keys)]

    def _draw_banner(self, width: int) -> list[Line]:
        lost = LinkChanged() if self.is_suspended else self.lost
        return draw_banner(self.state, lost.lost, lost.way_out, width)

    def _draw_edge(self, width: int) -> list[Line]:
        if self._interrupt.about:
            return [rule(width, [Span("Esc again interrupts the agent", "warn")])]
        if self._below:
            label = [Span(f"↓ {count(self._below, 'line')} below", "accent"), Span("  Ctrl+G", "muted")]
            return [rule(width, label)]
        return [rule(width)]

    def _draw_tabs(self, width: int) -> list[Line]:
        diff = self.query_one(DiffPane).diff
        return [draw_tabs(self.tab, self.state.plan, len(diff.files) if diff is not None else 0, width)]
