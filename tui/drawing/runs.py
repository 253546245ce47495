"""Runs as lines: two or three for each, and one for a host that does not answer."""

from typing import NamedTuple

from remote.run import Run, Unreachable
from tui.drawing.lines import BLANK, Line, Role, Span, fit, line, pad, rule, span, spread, wrap
from tui.drawing.words import PHASES, ago, cost, count, gauge, lasting, rate

_GOING = frozenset({"working", "idle", "needs-input", "starting"})
_RANKS = {
    "needs you": 0,
    "unsettled": 1,
    "failed": 2,
    "paused": 3,
    "unreachable": 4,
    "working": 5,
    "ready": 6,
    "finished": 7,
    "stopped": 8,
}
"""Headings of states, what asks for the user first."""


class Standing(NamedTuple):
    """How a run stands: the state it counts as, its mark, its words and their role."""

    kind: str
    mark: str
    words: str
    role: Role

    @property
    def rank(self) -> int:
        """Its place among the states, the most urgent first."""
        return _RANKS[self.kind]


def standing(run: Run, silent: float | None = None) -> Standing:
    """How a run stands; ``silent`` is for how many seconds its host has not answered, ``None`` where it does."""
    mark, words, role = PHASES[run.phase]
    if run.phase == "paused" and _is_spent(run):
        words = "paused: budget"
    if silent is not None:
        return Standing("unreachable", "?", f"unreachable for {lasting(silent)}", "bad")
    if not run.alive and run.phase in _GOING:
        return Standing("failed", "✗", "its runner is gone", "bad")
    kinds = {"needs-input": "needs you", "starting": "working", "idle": "ready", "draining": "working"}
    kind = "unsettled" if run.phase == "drained" else kinds.get(run.phase, run.phase)
    return Standing(kind, mark, words, role)


def _is_spent(run: Run) -> bool:
    return "budget" in run.detail.lower() or (run.used_percent is not None and run.used_percent >= 100)


def draw_run(
    run: Run,
    selected: bool,
    age: float,
    width: int,
    *,
    silent: float | None = None,
    picked: bool = False,
    hosted: bool = True,
) -> list[Line]:
    """One run, with its host if ``hosted``; ``age`` is seconds since that told of it, on this machine's clock."""
    stands = standing(run, silent)
    fill: Role | None = "selected" if selected else None
    head = [
        Span("▸" if selected else " ", "accent"),
        Span("✓" if picked else " ", "ok"),
        Span(pad(span(run.title).text, max(12, min(30, width // 4))), "strong"),
        *([Span("  "), Span(pad(span(run.host).text, 12), "accent")] if hosted else []),
        Span(f"  {stands.mark} {stands.words}", stands.role),
    ]
    right = [Span(f"{ago(max(0.0, run.now - run.at) + age)} ", "muted")]
    out = [spread(head, right, width, fill)]
    facts = wrap(_facts(run), width - 1, first=line("  "))
    last = _last_line(run)
    room = width - facts[-1].width - 4
    if last and len(facts) == 1 and room >= min(32, len(last)):
        return [*out, spread([*facts[0].spans, Span("   "), Span(fit(last, room))], [], width, fill)]
    out += [spread(row.spans, [], width, fill) for row in facts]
    return [*out, spread([Span("  "), Span(fit(last, width - 3))], [], width, fill)] if last else out


def _facts(run: Run) -> list[Span]:
    """Plan, files, money, turns, and what is used of the budget."""
    out = [Span(plan_bar(run.plan_done, run.plan_total), "muted"), Span(" · ", "muted"), Span(_files(run), "muted")]
    facts = [cost(run.cost_usd, run.budget.max_usd, unpriced=run.unpriced), rate(run.hourly_usd), turns_of(run)]
    out += [Span(f" · {fact}", "muted") for fact in facts if fact]
    if run.used_percent is not None:
        role: Role = "muted" if run.used_percent < 80 else "warn" if run.used_percent < 100 else "bad"
        out += [Span(" · ", "muted"), Span(gauge(run.used_percent), role)]
    return out


def _last_line(run: Run) -> str:
    """The newest of it; where it rests, why comes first."""
    first, second = run.last_line, run.detail
    if run.phase in ("paused", "failed"):
        first, second = second, first
    return span(first or second).text


def plan_bar(done: int, total: int, cells: int = 6) -> str:
    """How much of a plan is done: ``plan ████░░ 4/6``; full only when all of it is."""
    if not total:
        return "no plan"
    filled = min(cells, done * cells // total)
    return f"plan {'█' * filled}{'░' * (cells - filled)} {done}/{total}"


def _files(run: Run) -> str:
    return f"{count(run.files_changed, 'file')} touched" if run.files_changed else "no file touched"


def turns_of(run: Run) -> str:
    """Turns taken, against the budget where one is set."""
    limit = run.budget.max_turns
    return count(run.turns, "turn") if limit is None else f"{run.turns} of {count(limit, 'turn')}"


def draw_heading(heading: str, runs: int, stale: float | None, width: int) -> Line:
    """A group's heading; ``stale`` is how many seconds old its rows are, where its host does not answer."""
    old = [Span(f"  as of {ago(stale)}", "warn")] if stale is not None else []
    return rule(width, [span(heading, "heading"), Span(f"  {count(runs, 'run')}", "muted"), *old])


def draw_unreachable(host: Unreachable, width: int, silent: float | None = None) -> list[Line]:
    """A host that did not answer, and for how many seconds it has not."""
    since = f", for {lasting(silent)} now" if silent is not None and silent >= 2 else ""
    head = Line((Span("✗ ", "bad"), span(host.host, "accent"), Span(f" does not answer{since}: ", "bad")))
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
