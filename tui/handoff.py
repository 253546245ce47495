"""The handoff screen: terms and preflight, progress, and "you can close the laptop"."""

import asyncio
import time
from typing import Any

from textual import work
from textual.widgets import Input

from remote.errors import RemoteError
from remote.steps import Away, Preflighted, Proved, StillHere
from remote.terms import Terms
from tui.backend import Backend, Glance, HostCard, Place
from tui.drawing.host_rows import draw_hosts
from tui.drawing.lines import BLANK, Line, Span, line, span, spread, wrap
from tui.drawing.moves import draw_away, draw_lost, draw_preflight, draw_rows, draw_setup, draw_still_here, handoff_rows
from tui.drawing.terms import draw_terms
from tui.keymap import bindings
from tui.memory import keep_choices
from tui.moves import Move, landed
from tui.terms_screen import TermsScreen

_NO_HOSTS = "There is no host yet. A host is a machine of yours that you reach by SSH:"
_ADD = "castoff host add NAME USER@ADDRESS"


class Handoff(TermsScreen):
    """Opening it changes nothing; Enter (or Ctrl+H again) casts off, once what would happen is on the screen."""

    BINDINGS = bindings("handoff")
    part = "handoff"

    def __init__(self, backend: Backend, place: Place, hosts: tuple[HostCard, ...], *, host: str, terms: Terms) -> None:
        """A handoff of ``place`` to one of ``hosts``, beginning with these terms."""
        super().__init__(backend, place, host, terms)
        self.hosts = hosts
        self._glances: dict[str, Glance] = {}
        self._agreed: Preflighted | None = None
        self._asked_with = terms
        self._recalled: frozenset[str] = frozenset(terms.carry)
        """What was carried the last time and may not be there any more."""

    def on_mount(self) -> None:
        """Ask the host at once: nothing changes by that."""
        super().on_mount()
        self.query_one("#say", Input).focus()
        self.ask()
        self._glance()

    @work(exclusive=True, group="glance", exit_on_error=False)
    async def _glance(self) -> None:
        """Look at all hosts, each row as it comes."""
        await asyncio.gather(*(self._glance_at(card.name) for card in self.hosts))

    async def _glance_at(self, host: str) -> None:
        self._glances[host] = await self.backend.glance(host)
        if not self.moving:
            self.show()

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
        if self._forget_gone():
            return
        move = self.move
        if move is not None and move.waits and self._agreed is not None:
            same = _facts(move.last) == _facts(self._agreed) and self.chosen_terms() == self._asked_with
            self._agreed = None
            if same:
                self._go()
        for field in self.query(".field"):
            field.set_class(self.moving or self.ended, "gone")
        super().changed()

    def _forget_gone(self) -> bool:
        """Ask anew without what was carried the last time and is no more; whether there was any such thing."""
        move = self.move
        if move is None or not move.waits or not isinstance(move.last, Preflighted):
            return False
        gone = self._recalled - {each.what for each in move.last.stays if each.can_carry}
        self._recalled = frozenset[str]()
        if gone:
            carry = tuple(what for what in self.terms.carry if what not in gone)
            self.terms = self.terms.model_copy(update={"carry": carry})
            self.ask()
        return bool(gone)

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
        self.fault = "" if terms is not None else "A limit is a number, or empty for none."
        if stopped := [each.what for each in self.losses() if each.choice == "stop"]:
            self.fault = f"You said that it stops for {stopped[0]}: go down to it and decide otherwise, or go back."
        if self.fault or terms is None or any(p.blocking for p in move.last.problems):
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
        try:
            self.backend.keep_remembered(keep_choices(self.host, self._asked_with))
        except OSError as error:
            self.castoff.complain(f"The choices cannot be kept for the next time: {error.strerror}.")
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
            self._glance()
            for field in self.query(".field"):
                field.set_class(False, "gone")

    # Lines

    def draw_title(self, width: int) -> list[Line]:
        """Where it would go."""
        destination = next((h.destination for h in self.hosts if h.name == self.host), "")
        left = [Span("Cast off", "heading"), Span("  "), span(self.place.title, "muted")]
        left += [Span("  to  ", "muted"), span(self.host or "?", "accent")]
        left += [span(f"  {destination}", "muted")] if destination and destination != self.host else []
        return [spread(left, [], width)]

    def draw_body(self, width: int) -> list[Line]:
        """The terms and what they mean, progress, or how it ended."""
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
        lines = [*draw_terms(self.policy, self.terms.sandbox, width, brief=self.brief), BLANK]
        lines += draw_hosts(self.hosts, self._glances, self.host, width)
        if isinstance(preflight, Preflighted):
            shown = preflight.model_copy(update={"stays": self.losses() or preflight.stays})
            return lines + draw_preflight(shown, width, self.mark if self.in_report else None)
        return lines + draw_setup(move.steps, self.host, now, move.begun, width)

    def draw_foot(self, width: int) -> list[Line]:
        """The keys, or what cancelling means."""
        move = self.move
        last = move.last if move else None
        if self.fault:
            return [line(Span("✗ ", "bad"), Span(self.fault))]
        if isinstance(last, Away):
            return self.foot([("Enter", "reattach"), ("Esc", "back"), ("Ctrl+Q", "quit; the run goes on")], width)
        if isinstance(last, StillHere):
            return self.foot([("Enter", "back to the session"), ("Ctrl+L", "try again")], width)
        again = [("Ctrl+T", "sandbox"), ("Ctrl+L", "check again"), ("Esc", "back, nothing happens")]
        if self.in_report and self.losses():
            again.insert(0, ("Space", "leave, carry, stop"))
        elif any(each.kind != "other" for each in self.losses()):
            again.insert(0, ("↓", "decide about what stays"))
        if self.secrets():
            again.insert(0, ("Ctrl+O", "allow these secrets"))
        if agent := self.installs():
            again.insert(0, ("Ctrl+N", f"install {agent} there"))
        if self.asked():
            again.insert(0, ("Ctrl+Y", "let the project have this"))
        if isinstance(last, Preflighted) and not any(p.blocking for p in last.problems):
            return self.foot([("Enter", "cast off"), *again], width)
        return self.foot(again, width)


def _nobody() -> None:
    """Nobody listens any more."""


def _facts(step: object) -> object:
    """What the user agreed to: everything that is not a passing measurement."""
    if not isinstance(step, Preflighted):
        return step
    return step.model_copy(update={"facts": step.facts.model_copy(update={"rtt": 0.0, "free": 0})})
