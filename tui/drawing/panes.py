"""Plan, status and question as lines."""

from collections.abc import Sequence
from typing import NamedTuple

from agent.blocks import PermissionBlock, ToolBlock
from agent.budget import hourly_usd, most_used
from agent.events import DiffContent, PlanEntry
from agent.knobs import MODE, MODEL, find_knob
from agent.policy import is_loose
from agent.state import SessionState
from agent.steps import Step
from tui.drawing.diffs import draw_edit
from tui.drawing.lines import Line, Role, Span, fit, line, rule, span, spread, text_lines, wrap
from tui.drawing.words import PHASES, ago, cost_of, duration, gauge, money, rate, turns

STALE_SECONDS = 5.0
"""A picture older than this is said to be old: heartbeats come every three seconds."""

_PLAN_MARKS: dict[str, tuple[str, Role, Role]] = {
    "completed": ("✓", "ok", "muted"),
    "in_progress": ("▸", "accent", "strong"),
    "pending": ("·", "muted", "text"),
}


class Link(NamedTuple):
    """What is known of the link to the runner: ``age`` seconds since it was heard; ``lost`` a reason, or empty."""

    host: str = ""
    age: float = 0.0
    lost: str = ""
    attached: bool = True


def plan_done(plan: tuple[PlanEntry, ...]) -> int:
    """Steps completed."""
    return sum(e.status == "completed" for e in plan)


def draw_plan(
    plan: tuple[PlanEntry, ...], width: int, steps: Sequence[Step] = (), now: float = 0.0, marked: int | None = None
) -> list[Line]:
    """The plan: a heading with its progress, then the steps, each with time and cost; ``marked`` is one's index."""
    if not plan:
        return [line(Span("Plan", "heading")), *wrap([Span("The agent has made none yet.", "muted")], width)]
    out = [spread([Span("Plan", "heading")], [Span(f"{plan_done(plan)} of {len(plan)}", "muted")], width)]
    for index, entry in enumerate(plan):
        mark, colour, role = _PLAN_MARKS[entry.status]
        fill: Role | None = "selected" if index == marked else None
        took = draw_took(steps[index], now) if index < len(steps) else []
        room = width - sum(len(each.text) for each in took) - 1 if took else width
        rows = wrap([span(entry.content, role)], max(12, room), first=Line((Span(f"{mark} ", colour),)))
        out.append(spread(rows[0].spans, took, width, fill))
        out.extend(row._replace(fill=fill) for row in rows[1:])
    return out


def draw_took(step: Step, now: float) -> list[Span]:
    """How long a step was worked on, and what was spent meanwhile, as far as that is known."""
    seconds = step.seconds(now)
    known = [duration(seconds)] if seconds is not None else []
    known += [money(step.usd)] if step.usd is not None else []
    return [Span(" ".join(known), "accent" if step.since is not None else "muted")] if known else []


def draw_link(link: Link) -> list[Span]:
    """Where the session is, and how old the picture is once that matters."""
    where = span(link.host or "here", "accent" if link.host else "strong")
    if link.lost:
        return [where, Span(f" unreachable since {ago(link.age)}", "bad")]
    if not link.attached:
        return [where, Span(" attaching", "muted")]
    if link.age > STALE_SECONDS:
        return [where, Span(f" last heard {ago(link.age)}", "warn")]
    return [where]


def draw_status(state: SessionState, link: Link, now: float, width: int, keys: Sequence[tuple[str, str]] = ()) -> Line:
    """The status line: where, who, what, cost, turns; as many of the key hints as there is room for."""
    mark, word, role = PHASES[state.phase]
    parts: list[list[Span]] = [draw_link(link)]
    if state.agent:
        parts.append([span(state.agent), Span(" (lossy)", "warn")] if state.lossy else [span(state.agent)])
    if state.head_seq:
        parts.append([Span(f"{mark} {word}", role)])
        parts.append([Span(state.policy.replace("-", " "), "muted")])
        parts += _mode(state)
        parts += _budget(state, now)
        parts += [[span(knob.shown, "muted")] for knob in state.knobs if knob.id == MODEL]
    left: list[Span] = []
    for part in parts:
        added = ([Span(" · ", "rule")] if left else []) + part
        if sum(len(s.text) for s in (*left, *added)) > width:
            break
        left.extend(added)
    free = width - sum(len(s.text) for s in left) - 3
    return spread(left, _hints(keys, free), width)


def _mode(state: SessionState) -> list[list[Span]]:
    """The agent's mode where its user chose it, or where it allows more than the policy."""
    knob = find_knob(state.knobs, MODE)
    if knob is None:
        return []
    loose = is_loose(knob.current, state.policy)
    return [[span(knob.shown, "warn" if loose else "muted")]] if loose or MODE in dict(state.chosen) else []


def _hints(keys: Sequence[tuple[str, str]], room: int) -> list[Span]:
    """The first keys with what they do, as far as they fit."""
    out: list[Span] = []
    for key, what in keys:
        more = [Span("  " if out else ""), Span(key, "key"), Span(f" {what}", "muted")]
        if sum(len(s.text) for s in (*out, *more)) > room:
            break
        out += more
    return out


def _budget(state: SessionState, now: float) -> list[list[Span]]:
    """Money, time and turns of the budget; then, where there is room, its gauge and money an hour."""
    used = most_used(state, now)
    role: Role = "muted" if used is None or used < 80 else "warn" if used < 100 else "bad"
    spent = cost_of(state)
    if state.budget.max_minutes is not None:
        spent += f" · {duration(now - state.budget_at)} of {duration(state.budget.max_minutes * 60)}"
    known = [Span(spent, role), Span(turns(state), "muted")]
    if used is not None:
        known.append(Span(gauge(used), role))
    hourly = hourly_usd(state, now)
    return [[each] for each in (*known, *([Span(rate(hourly), "muted")] if hourly is not None else []))]


def find_tool(state: SessionState, question: PermissionBlock) -> ToolBlock | None:
    """The tool call that a question is about; agents may ask before they tell of the call."""
    return next((b for b in reversed(state.blocks) if isinstance(b, ToolBlock) and b.call_id == question.call_id), None)


def draw_question(state: SessionState, question: PermissionBlock, chosen: int, focused: bool, width: int) -> list[Line]:
    """A permission question: what it is about, the edit where it is one, and all answers by name."""
    tool = find_tool(state, question)
    title = (tool.title.strip() if tool else "") or "something it did not name"
    more = len(state.questions) - 1
    right = [Span(f"{more} more waiting", "muted")] if more else []
    out = [
        rule(width),
        spread([Span("? ", "warn"), Span("The agent asks: ", "warn"), span(title, "strong")], right, width),
    ]
    for content in tool.content if tool else ():
        if isinstance(content, DiffContent):
            edit = draw_edit(content.path, content.old_text, content.new_text, width - 2, limit=8)
            out.extend(Line((Span("  "), *row.spans), row.fill) for row in edit)
        else:
            out.extend(Line((Span("  "), Span(fit(row, width - 2), "muted"))) for row in text_lines(content.text)[:6])
    for index, option in enumerate(question.options):
        marked = focused and index == chosen
        role: Role = "selected" if marked else "text"
        head = Span("▸ " if marked else "  ", "accent")
        out.append(Line((head, Span(f"{index + 1} ", "key"), Span(fit(span(option.name).text, width - 4), role))))
    if not focused:
        out.append(line(Span("  Shift+Tab goes here to answer", "muted")))
    return out
