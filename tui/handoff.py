"""The handoff screen: terms and preflight, progress, and "you can close the laptop"."""

import time
from typing import Any

from pydantic import ValidationError
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.geometry import Region
from textual.widgets import Input

from agent.events import Budget, Policy
from remote.errors import RemoteError
from remote.findings import Problem, Stays
from remote.steps import Away, Preflighted, Proved, StillHere
from remote.terms import Terms
from tui.backend import Backend, HostCard, Place
from tui.commands import POLICIES
from tui.drawing.lines import BLANK, Line, Span, line, pad, span, spread, wrap
from tui.drawing.losses import next_choice
from tui.drawing.moves import draw_away, draw_lost, draw_preflight, draw_rows, draw_setup, draw_still_here, handoff_rows
from tui.keymap import bindings
from tui.lines_view import LineMaker, Lines
from tui.move_screen import MoveScreen
from tui.moves import Move, landed

_NO_HOSTS = "There is no host yet. A host is a machine of yours that you reach by SSH:"
_LIMITS = (("max_usd", "dollars", r"[\d.]*"), ("max_turns", "turns", r"\d*"), ("max_minutes", "minutes", r"[\d.]*"))
"""The budget's fields by their names there: the unit, and what can be typed."""

_ADD = "castoff host add NAME USER@ADDRESS"


class Report(Lines):
    """The page, which takes the focus so that keys can go through the loss report."""

    can_focus = True


class Handoff(MoveScreen):
    """Opening it changes nothing; Enter (or Ctrl+H again) casts off, once what would happen is on the screen."""

    BINDINGS = bindings("handoff")
    part = "handoff"

    def __init__(self, backend: Backend, place: Place, hosts: tuple[HostCard, ...], *, host: str, terms: Terms) -> None:
        """A handoff of ``place`` to one of ``hosts``, beginning with these terms."""
        super().__init__(backend, place, host)
        self.hosts = hosts
        self.terms = terms
        self.policy: Policy = terms.policy
        self._agreed: Preflighted | None = None
        self._asked_with = terms
        self._fault = ""
        self._mark = 0
        """The index of the thing in the loss report that keys decide about, while the page has the focus."""
        self._stops: frozenset[str] = frozenset()
        """What must not be left behind."""

    def compose(self) -> ComposeResult:
        """Title, page (fields, then lines), foot."""
        yield Lines(self._draw_title, id="title")
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
        yield self.page(Report(self._draw_body, id="body"))
        yield Lines(self._draw_foot, id="foot")

    def on_mount(self) -> None:
        """Ask the host at once: nothing changes by that."""
        super().on_mount()
        self.query_one("#say", Input).focus()
        self.ask()

    def ask(self) -> None:
        """Begin a handoff: it stops at the preflight and waits."""
        if self.move is not None and not self.ended:
            self.move.listener = _nobody
            self.move.cancel()
        self.quiet.hidden()
        self.move = self._agreed = None
        if self.host:
            terms = self._asked_with = self.chosen_terms() or self.terms
            host, session_id = self.host, self.place.session_id
            self.move = Move[Any](lambda: self.backend.hand_off(session_id, host, terms), self.changed)
            self.castoff.drive(self.move, self.place)
        self.show()

    def changed(self) -> None:
        """A step came; a preflight asked for again after the terms changed goes on by itself if it says the same."""
        move = self.move
        if move is not None and move.waits and self._agreed is not None:
            same = _facts(move.last) == _facts(self._agreed) and self.chosen_terms() == self._asked_with
            self._agreed = None
            if same:
                self._go()
        for field in self.query(".field"):
            field.set_class(self.moving or self.ended, "gone")
        super().changed()

    def chosen_terms(self) -> Terms | None:
        """The terms as the fields have them; ``None`` where a field holds no number."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() or None for name, _, _ in _LIMITS}
        try:
            # Limits that have no field here stay as they are.
            budget = Budget.model_validate(self.terms.budget.model_dump() | values)
        except ValidationError:
            return None
        say = self.query_one("#say", Input).value.strip()
        return self.terms.model_copy(update={"say": say, "budget": budget, "policy": self.policy})

    # Actions

    def action_confirm(self) -> None:
        """Cast off; after the move, go to where the session is."""
        if not self.confirmable():
            return
        if self.ended:
            self._leave_ended()
            return
        move = self.move
        if move is None or not move.waits or not isinstance(move.last, Preflighted):
            return
        terms = self.chosen_terms()
        self._fault = "" if terms is not None else "A limit is a number, or empty for none."
        if stopped := [each.what for each in self._losses() if each.choice == "stop"]:
            self._fault = f"You said that it stops for {stopped[0]}: go down to it and decide otherwise, or go back."
        if self._fault or terms is None or any(p.blocking for p in move.last.problems):
            self.show()
        elif terms == self._asked_with:
            self._go()
        else:
            agreed = move.last
            self.ask()
            self._agreed = agreed

    def _go(self) -> None:
        assert self.move is not None
        self.castoff.move_begins(self.place, self.host)
        self.move.decide("go")
        self.set_focus(None)
        self.changed()

    def _leave_ended(self) -> None:
        assert self.move is not None
        if isinstance(self.move.end, Away):
            self.dismiss()
            self.castoff.reattach(landed(self.place, self.move.end))
        else:
            self.leave()

    def action_next_host(self) -> None:
        """Choose the next host and ask it."""
        names = [h.name for h in self.hosts]
        if self.moving or self.ended or len(names) < 2:
            return
        self.host = names[(names.index(self.host) + 1) % len(names)] if self.host in names else names[0]
        self.ask()

    def action_next_policy(self) -> None:
        """Choose the next policy for the time away."""
        if not self.moving and not self.ended:
            self.policy = POLICIES[(POLICIES.index(self.policy) + 1) % len(POLICIES)]
            self.show()

    def action_choose(self) -> None:
        """Decide otherwise about the marked thing: leave it, carry it (the host is asked again), or stop for it."""
        losses = self._losses()
        if not self._in_report or self._mark >= len(losses):
            return
        chosen = losses[self._mark]
        choice = next_choice(chosen)
        self._fault = ""
        self._stops = self._stops - {chosen.what} | ({chosen.what} if choice == "stop" else set())
        carry = tuple(what for what in self.terms.carry if what != chosen.what)
        carry += (chosen.what,) if choice == "carry" else ()
        if carry != self.terms.carry:
            self.terms = self.terms.model_copy(update={"carry": carry})
            self.ask()
        self.show()

    @property
    def _in_report(self) -> bool:
        """Whether keys go through the loss report."""
        return isinstance(self.focused, Report)

    def _losses(self) -> tuple[Stays, ...]:
        """The loss report with what was decided here, while a decision is due."""
        move = self.move
        if move is None or not move.waits or not isinstance(move.last, Preflighted):
            return ()
        return tuple(
            each.model_copy(update={"choice": "stop"}) if each.what in self._stops else each for each in move.last.stays
        )

    def action_check_again(self) -> None:
        """Ask the host again, unless the session is there already."""
        if not self.moving and not (self.move is not None and isinstance(self.move.end, Away)):
            try:
                self.hosts = self.backend.hosts()
            except RemoteError as error:
                self.castoff.complain(str(error), error.way_out)
                return
            self.host = self.host or next((h.name for h in self.hosts), "")
            if not self.host:
                self.castoff.complain("There is still no host.", f"In a terminal: {_ADD}")
            self.ask()
            for field in self.query(".field"):
                field.set_class(False, "gone")

    def action_allow_secrets(self) -> None:
        """Let the secrets that are shown travel, and ask the host again."""
        secrets = self._secrets()
        if secrets and self.confirmable():
            allowed = (*self.terms.allow_secrets, *secrets)
            self.terms = self.terms.model_copy(update={"allow_secrets": allowed})
            self.ask()

    def action_agree(self) -> None:
        """Let the project have what its settings file asks for, exactly as shown, and ask the host again."""
        if (asked := self._asked()) and self.confirmable():
            self.terms = self.terms.model_copy(update={"agree": asked})
            self.ask()

    def _secrets(self) -> list[str]:
        """The fingerprints of the secrets in the way, while a decision is due."""
        return [secret for problem in self._problems() for secret in problem.secrets]

    def _asked(self) -> str:
        """The digest of the project's settings file, while the user may agree to what it asks for."""
        return next((problem.asks for problem in self._problems() if problem.asks), "")

    def _problems(self) -> tuple[Problem, ...]:
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
        mark = self._mark + (1 if event.key == "down" else -1)
        if self._in_report and 0 <= mark < len(self._losses()):
            self._mark = mark
            self.show()
            self.call_after_refresh(self._show_mark)
        elif event.key == "up" or not self._in_report:
            (self.focus_next if event.key == "down" else self.focus_previous)()

    def on_descendant_focus(self) -> None:
        """Another field, or the report, has the focus."""
        self._mark = 0
        self.show()

    def _show_mark(self) -> None:
        """Scroll to the marked row."""
        body = self.query_one(Report)
        rows = [row for row, drawn in enumerate(body.lines) if drawn.fill == "selected"]
        if rows:
            page = self.query_one("#page")
            page.scroll_to_region(Region(0, body.virtual_region.y + rows[0], 1, len(rows)), animate=False)

    # Lines

    def _draw_title(self, width: int) -> list[Line]:
        destination = next((h.destination for h in self.hosts if h.name == self.host), "")
        several = len(self.hosts) > 1 and not self.moving and not self.ended
        left = [Span("Cast off", "heading"), Span("  "), span(self.place.title, "muted")]
        left += [Span("  to  ", "muted"), span(self.host or "?", "accent")]
        left += [span(f"  {destination}", "muted")] if destination and destination != self.host else []
        right = [Span("F2", "key"), Span(" next host", "muted")] if several else []
        return [spread(left, right, width)]

    def _draw_body(self, width: int) -> list[Line]:
        if not self.host:
            hosts = [BLANK, *wrap([Span(_NO_HOSTS)], width), line(Span(f"  {_ADD}", "code"))]
            return [*hosts, BLANK, *wrap([Span("Then press Ctrl+L.", "muted")], width)]
        move = self.move
        if move is None:
            return []
        now = time.monotonic()
        last = move.last
        preflight = move.find(Preflighted)
        if isinstance(last, Away):
            return draw_away(last, move.find(Proved), self.backend.command, width)
        if isinstance(last, StillHere):
            return draw_still_here(last, width, pulling=False, host=self.host)
        if self.moving:
            rows = draw_rows(handoff_rows(move.steps, self.host), move.steps, now, width)
            return rows + draw_lost(move.lost, now, width)
        lines: list[Line] = [self._draw_policy(width), BLANK]
        if isinstance(preflight, Preflighted):
            shown = preflight.model_copy(update={"stays": self._losses() or preflight.stays})
            return lines + draw_preflight(shown, width, self._mark if self._in_report else None)
        return lines + draw_setup(move.steps, self.host, now, move.begun, width)

    def _draw_policy(self, width: int) -> Line:
        words = {
            "ask": "ask: it waits for you at every step that needs leave",
            "accept-edits": "accept edits: it asks before it runs commands",
            "accept-all": "accept all: it never waits for you",
        }
        left = [Span(pad("Policy", 10), "muted"), Span(words[self.policy])]
        return spread(left, [Span("F5", "key"), Span(" change", "muted")], width)

    def _draw_foot(self, width: int) -> list[Line]:
        move = self.move
        last = move.last if move else None
        if self._fault:
            return [line(Span("✗ ", "bad"), Span(self._fault))]
        if isinstance(last, Away):
            return self.foot([("Enter", "reattach"), ("Esc", "back"), ("Ctrl+Q", "quit; the run goes on")], width)
        if isinstance(last, StillHere):
            return self.foot([("Enter", "back to the session"), ("Ctrl+L", "try again")], width)
        again = [("Ctrl+L", "check again"), ("Esc", "back, nothing happens")]
        if self._in_report and self._losses():
            again.insert(0, ("Space", "leave, carry, stop"))
        elif any(each.kind != "other" for each in self._losses()):
            again.insert(0, ("↓", "decide about what stays"))
        if self._secrets():
            again.insert(0, ("Ctrl+O", "allow these secrets"))
        if self._asked():
            again.insert(0, ("Ctrl+Y", "let the project have this"))
        if isinstance(last, Preflighted) and not any(p.blocking for p in last.problems):
            return self.foot([("Enter", "cast off"), *again], width)
        return self.foot(again, width)


def _label(text: str) -> LineMaker:
    return lambda width: [line(Span(text, "muted"))]


def _nobody() -> None:
    """Nobody listens any more."""


def _facts(step: object) -> object:
    """What the user agreed to: everything that is not a passing measurement."""
    if not isinstance(step, Preflighted):
        return step
    return step.model_copy(update={"facts": step.facts.model_copy(update={"rtt": 0.0, "free": 0})})
