"""The terms of a handoff as they are put together on the screen: fields, policy, level, what becomes of each loss."""

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.geometry import Region
from textual.widgets import Input

from agent.events import Budget, Policy
from remote.findings import Problem, Stays
from remote.levels import Need
from remote.steps import Preflighted
from remote.terms import Terms
from tui.backend import Backend, Place
from tui.board import following
from tui.commands import POLICIES
from tui.drawing.lines import Line, Span, line
from tui.drawing.losses import next_choice
from tui.lines_view import LineMaker, Lines
from tui.move_screen import MoveScreen

_LIMITS = (("max_usd", "dollars", r"[\d.]*"), ("max_turns", "turns", r"\d*"), ("max_minutes", "minutes", r"[\d.]*"))
"""The budget's fields by their names there: the unit, and what can be typed."""
NEEDS: tuple[Need, ...] = ("auto", "open", "full")
"""The levels of a sandbox that can be asked for here; less than what the settings ask for is not among them."""


class Report(Lines):
    """The page, which takes the focus so that keys can go through the loss report."""

    can_focus = True


class TermsScreen(MoveScreen):
    """A screen whose terms can be changed while nothing moves; `ask` asks the host what they would mean."""

    def __init__(self, backend: Backend, place: Place, host: str, terms: Terms) -> None:
        """A handoff of ``place`` to ``host``, beginning with these terms."""
        super().__init__(backend, place, host)
        self.terms = terms
        self.policy: Policy = terms.policy
        self.brief = terms.brief
        self.fault = ""
        """Why Enter does nothing, as a sentence."""
        self.mark = 0
        """The index of the thing in the loss report that keys decide about, while the page has the focus."""
        self.stops: frozenset[str] = frozenset()
        """What must not be left behind."""

    def compose(self) -> ComposeResult:
        """Title, page (fields, then lines), foot."""
        yield Lines(self.draw_title, id="title")
        with Horizontal(classes="field", id="limits"):
            yield Lines(_label("Budget"))
            for name, unit, restrict in _LIMITS:
                limit: float | None = getattr(self.terms.budget, name)
                text = "" if limit is None else f"{limit:.12g}"
                yield Input(text, placeholder="no limit", classes="short", id=name, restrict=restrict)
                yield Lines(_label(unit), classes="unit")
        with Horizontal(classes="field", id="word"):
            yield Lines(_label("Say"))
            yield Input(self.terms.say, placeholder="a last word to the agent; empty: it goes on as it is", id="say")
        yield self.page(Report(self.draw_body, id="body"))
        yield Lines(self.draw_foot, id="foot")

    def ask(self) -> None:
        """Ask the host with the terms as they are."""
        raise NotImplementedError

    def draw_title(self, width: int) -> list[Line]:
        """The screen's first line."""
        raise NotImplementedError

    def draw_body(self, width: int) -> list[Line]:
        """What would happen, or happens."""
        raise NotImplementedError

    def draw_foot(self, width: int) -> list[Line]:
        """What can be done now."""
        raise NotImplementedError

    def chosen_terms(self) -> Terms | None:
        """The terms as the fields have them; ``None`` where a field holds no number."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() or None for name, _, _ in _LIMITS}
        try:
            # Limits that have no field here stay as they are.
            budget = Budget.model_validate(self.terms.budget.model_dump() | values)
        except ValidationError:
            return None
        say = self.query_one("#say", Input).value.strip()
        return self.terms.model_copy(update={"say": say, "budget": budget, "policy": self.policy, "brief": self.brief})

    def action_next_policy(self) -> None:
        """Choose the next policy for the time away."""
        if not self.moving and not self.ended:
            self.policy = POLICIES[(POLICIES.index(self.policy) + 1) % len(POLICIES)]
            self.show()

    def action_toggle_brief(self) -> None:
        """Agree that it goes on by a brief where the agent cannot take its session up there, or do not."""
        if not self.moving and not self.ended:
            self.brief = not self.brief
            self.show()

    def action_next_level(self) -> None:
        """Ask for another level of the sandbox: the host is asked whether it has it."""
        if not self.moving and not self.ended:
            need = self.terms.sandbox if self.terms.sandbox in NEEDS else "auto"
            self.terms = self.terms.model_copy(update={"sandbox": following(need, NEEDS)})
            self.ask()

    def action_choose(self) -> None:
        """Decide otherwise about the marked thing: leave it, carry it (the host is asked again), or stop for it."""
        losses = self.losses()
        if not self.in_report or self.mark >= len(losses):
            return
        chosen = losses[self.mark]
        choice = next_choice(chosen)
        self.fault = ""
        self.stops = self.stops - {chosen.what} | ({chosen.what} if choice == "stop" else set())
        carry = tuple(what for what in self.terms.carry if what != chosen.what)
        carry += (chosen.what,) if choice == "carry" else ()
        if carry != self.terms.carry:
            self.terms = self.terms.model_copy(update={"carry": carry})
            self.ask()
        self.show()

    @property
    def in_report(self) -> bool:
        """Whether keys go through the loss report."""
        return isinstance(self.focused, Report)

    def losses(self) -> tuple[Stays, ...]:
        """The loss report with what was decided here, while a decision is due."""
        move = self.move
        if move is None or not move.waits or not isinstance(move.last, Preflighted):
            return ()
        return tuple(
            each.model_copy(update={"choice": "stop"}) if each.what in self.stops else each for each in move.last.stays
        )

    def action_allow_secrets(self) -> None:
        """Let the secrets that are shown travel, and ask the host again."""
        secrets = self.secrets()
        if secrets and self.confirmable():
            allowed = (*self.terms.allow_secrets, *secrets)
            self.terms = self.terms.model_copy(update={"allow_secrets": allowed})
            self.ask()

    def action_agree(self) -> None:
        """Let the project have what its settings file asks for, exactly as shown, and ask the host again."""
        if (asked := self.asked()) and self.confirmable():
            self.terms = self.terms.model_copy(update={"agree": asked})
            self.ask()

    def action_install(self) -> None:
        """Install the session's agent on this host, and ask it again."""
        if self.installs() and self.confirmable():
            self.terms = self.terms.model_copy(update={"install_on": self.host})
            self.ask()

    def installs(self) -> str:
        """The agent that would be installed on the host if the user agrees, while a decision is due."""
        return next((problem.installs for problem in self.problems() if problem.installs), "")

    def secrets(self) -> list[str]:
        """The fingerprints of the secrets in the way, while a decision is due."""
        return [secret for problem in self.problems() for secret in problem.secrets]

    def asked(self) -> str:
        """The digest of the project's settings file, while the user may agree to what it asks for."""
        return next((problem.asks for problem in self.problems() if problem.asks), "")

    def problems(self) -> tuple[Problem, ...]:
        """What is in the way or should be known, while a decision is due."""
        move = self.move
        if move is None or not move.waits or not isinstance(move.last, Preflighted):
            return ()
        return move.last.problems

    def on_key(self, event: Key) -> None:
        """Down and up go through the fields, and on through the loss report."""
        if event.key not in ("up", "down"):
            return
        event.stop()
        mark = self.mark + (1 if event.key == "down" else -1)
        if self.in_report and 0 <= mark < len(self.losses()):
            self.mark = mark
            self.show()
            self.call_after_refresh(self._show_mark)
        elif event.key == "up" or not self.in_report:
            (self.focus_next if event.key == "down" else self.focus_previous)()

    def on_descendant_focus(self) -> None:
        """Another field, or the report, has the focus."""
        self.mark = 0
        self.show()

    def _show_mark(self) -> None:
        """Scroll to the marked row."""
        body = self.query_one(Report)
        rows = [row for row, drawn in enumerate(body.lines) if drawn.fill == "selected"]
        if rows:
            page = self.query_one("#page")
            page.scroll_to_region(Region(0, body.virtual_region.y + rows[0], 1, len(rows)), animate=False)


def _label(text: str) -> LineMaker:
    return lambda width: [line(Span(text, "muted"))]
