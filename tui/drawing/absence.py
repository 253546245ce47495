"""What happened while the user was away, as lines."""

from agent.absence import Absence
from tui.drawing.lines import BLANK, Line, Span, span, wrap
from tui.drawing.words import ago, count, money

_MOST = 5


def draw_absence(absence: Absence, now: float, width: int) -> list[Line]:
    """A few lines, or none where nothing happened; ``now`` is Unix time by the clock of the session's machine."""
    if not absence.eventful:
        return []
    lines = wrap([Span("While you were away", "heading"), Span(f", since {ago(now - absence.since)}", "muted")], width)
    facts = [count(absence.turns, "turn"), count(absence.calls, "tool call")]
    if absence.steps:
        facts.append(f"{absence.steps_done} of {count(absence.steps, 'step')} of the plan done")
    facts.append(f"{count(len(absence.files), 'file')} touched")
    if absence.usd is not None:
        facts.append(f"{money(absence.usd)} spent")
    if absence.refused:
        facts.append(f"{count(absence.refused, 'request')} refused")
    lines += wrap([Span(", ".join(facts))], width)
    for tested in absence.tested[-_MOST:]:
        mark, role = ("✓", "ok") if tested.ok else ("✗", "bad")
        lines += wrap([Span(f"{mark} ", role), span(tested.command)], width)
    for verdict in absence.verdicts[-_MOST:]:
        lines += wrap([Span("! ", "warn"), span(verdict)], width)
    return [*lines, BLANK]
