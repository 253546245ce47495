"""Runs as lines: two or three for each, and one for a host that does not answer."""

from remote.run import Run, Unreachable
from tui.drawing.lines import BLANK, Line, Role, Span, fit, line, pad, span, spread, wrap
from tui.drawing.words import PHASES, ago, cost, count, gauge, rate


def draw_run(run: Run, selected: bool, age: float, width: int) -> list[Line]:
    """One run; ``age`` is seconds since its list came, on this machine's clock."""
    mark, word, role = PHASES[run.phase]
    if not run.alive and run.phase in ("working", "idle", "needs-input", "starting"):
        mark, word, role = "✗", f"{word}, but its runner is gone", "bad"
    fill: Role | None = "selected" if selected else None
    news = f"{ago(max(0.0, run.now - run.at) + age)}"
    head = [
        Span("▸ " if selected else "  ", "accent"),
        Span(pad(span(run.title).text, max(12, min(30, width // 4))), "strong"),
    ]
    head += [Span("  "), Span(pad(span(run.host).text, 12), "accent"), Span("  "), Span(f"{mark} {word}", role)]
    top = spread(head, [Span(news + " ", "muted")], width, fill)
    facts = [f"plan {run.plan_done}/{run.plan_total}" if run.plan_total else "no plan", _files(run)]
    facts += [cost(run.cost_usd, run.budget.max_usd, unpriced=run.unpriced), rate(run.hourly_usd), _turns(run)]
    left = [Span("  "), Span(" · ".join(fact for fact in facts if fact), "muted")]
    if run.used_percent is not None:
        role: Role = "muted" if run.used_percent < 80 else "warn" if run.used_percent < 100 else "bad"
        left += [Span(" · ", "muted"), Span(gauge(run.used_percent), role)]
    text = span(run.last_line or run.detail).text
    room = width - sum(len(s.text) for s in left) - 4
    if text and room < min(32, len(text)):
        last = [Span("  "), Span(fit(text, width - 3))]
        return [top, spread(left, [], width, fill), spread(last, [], width, fill)]
    return [top, spread([*left, Span("   "), Span(text)] if text else left, [], width, fill)]


def _files(run: Run) -> str:
    return f"{count(run.files_changed, 'file')} touched" if run.files_changed else "no file touched"


def _turns(run: Run) -> str:
    limit = run.budget.max_turns
    return count(run.turns, "turn") if limit is None else f"{run.turns} of {count(limit, 'turn')}"


def draw_unreachable(host: Unreachable, width: int) -> list[Line]:
    """A host that did not answer."""
    head = Line((Span("✗ ", "bad"), span(host.host, "accent"), Span(" does not answer: ", "bad")))
    return wrap(
        [span(host.reason), span(f" {host.way_out}" if host.way_out else "", "muted")],
        width,
        first=head,
        rest=line("  "),
    )


def draw_no_runs(hosts: int, width: int, *, silent: int = 0) -> list[Line]:
    """Nothing to list: how a run comes about. ``silent`` hosts of ``hosts`` gave no answer, so nothing is sure."""
    if not hosts:
        text = "There is no host yet. A host is a machine of yours that you reach by SSH:"
        return [*wrap([Span(text)], width), line(Span("  castoff host add NAME USER@ADDRESS", "code"))]
    if silent:
        answered = "No host answered" if silent >= hosts else "No run is on the hosts that answered"
        return [*wrap([Span(f"{answered}.")], width), BLANK]
    text = "No session is away. In a session, Ctrl+H casts it off to one of your hosts; it is listed here from then on."
    return [*wrap([Span(text)], min(width, 80)), BLANK]
