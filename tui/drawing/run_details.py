"""One run in detail, as lines: where it stands, what it used, what happened, what it changed."""

from agent.absence import Checked
from remote.run import Run
from tui.drawing.diffs import FileDiffLike, counts, totals
from tui.drawing.lines import BLANK, Line, Role, Span, fit_start, line, pad, span, spread, wrap
from tui.drawing.runs import plan_bar, standing, turns_of
from tui.drawing.words import ago, cost, count, gauge, money, rate

_LABEL = 8
_FILES = 12


def draw_details(run: Run, age: float, width: int, silent: float | None = None) -> list[Line]:
    """What a row has no room for; ``age`` is seconds since the host told of it."""
    stands = standing(run, silent)
    out = [*wrap([span(run.title, "heading")], width)]
    out += wrap([Span(f"{stands.mark} {stands.words}", stands.role)], width)
    if run.detail:
        out += wrap([span(run.detail, "muted")], width)
    out.append(BLANK)
    if silent is not None:
        out += _row("As of", f"{ago(age)}: {standing(run).words}", width, "warn")
    out += _row("Host", run.host, width)
    out += _row("Agent", run.agent, width)
    out += _row("Folder", run.project, width)
    out += _row("Run", run.run_id, width)
    out += _row("News", ago(max(0.0, run.now - run.at) + age), width)
    out.append(BLANK)
    bar = plan_bar(run.plan_done, run.plan_total, 12).removeprefix("plan ")
    out += _row("Plan", bar, width)
    spent = [cost(run.cost_usd, run.budget.max_usd, unpriced=run.unpriced), rate(run.hourly_usd)]
    out += _row("Spent", ", ".join(each for each in spent if each), width)
    out += _row("Turns", turns_of(run), width)
    if run.used_percent is not None:
        out += _row("Budget", gauge(run.used_percent, 12), width, "warn" if run.used_percent >= 80 else "text")
    out += _draw_digest(run, age, width)
    if last := run.last_line:
        out += [BLANK, *wrap([span(last)], width, first=line(Span("“", "muted")))[:4]]
    return out


def _row(label: str, text: str, width: int, role: Role = "text") -> list[Line]:
    return wrap([span(text, role)], width, first=Line((Span(pad(label, _LABEL), "muted"),)))


def _draw_digest(run: Run, age: float, width: int) -> list[Line]:
    digest = run.digest
    if digest is None or not digest.eventful:
        return []
    since = f", in {ago(max(0.0, run.now - digest.since) + age).removesuffix(' ago')}" if digest.since else ""
    out = [BLANK, line(Span("Since you were there", "heading"), Span(since, "muted"))]
    facts = [count(digest.turns, "turn"), count(digest.calls, "tool call")]
    facts += [f"{money(digest.usd)} spent"] if digest.usd is not None else []
    facts += [f"{count(digest.refused, 'request')} refused"] if digest.refused else []
    out += wrap([Span(", ".join(facts))], width)
    out += [row for tested in digest.tested for row in _draw_tested(tested, width)]
    return out + [
        row for verdict in digest.verdicts for row in wrap([span(verdict)], width, first=line(Span("! ", "warn")))
    ]


def _draw_tested(tested: Checked, width: int) -> list[Line]:
    mark, role = ("✓ ", "ok") if tested.ok else ("✗ ", "bad")
    return wrap([span(tested.command)], width, first=Line((Span(mark, role),)))


def draw_diffstat(files: tuple[FileDiffLike, ...], width: int) -> list[Line]:
    """The files that a run changed, with counts."""
    if not files:
        return [BLANK, line(Span("No file is changed.", "muted"))]
    out = [
        BLANK,
        spread([Span("Changes", "heading"), Span(f"  {count(len(files), 'file')}", "muted")], totals(files), width),
    ]
    for file in files[:_FILES]:
        right = counts(file.added, file.removed)
        room = width - sum(len(each.text) for each in right) - 1
        out.append(spread([Span(fit_start(span(file.path).text, room))], right, width))
    if len(files) > _FILES:
        out.append(line(Span(f"and {len(files) - _FILES} more", "muted")))
    return out
