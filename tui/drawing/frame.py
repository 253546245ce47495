"""What stands around the workspace's panes, as lines: the banner and the tabs."""

from agent.events import PlanEntry
from agent.state import SessionState
from tui.drawing.lines import Line, Role, Span, fit, line, span, spread, wrap
from tui.drawing.panes import plan_done

_QUEUE = 3
"""Waiting prompts that are shown."""


def draw_banner(state: SessionState, lost: str, way_out: str, width: int) -> list[Line]:
    """What is wrong or waits, if anything: a lost link, a pause, work cut short, a failure, prompts in the queue."""
    if lost:
        return _banner("✗", "bad", [span(lost, "bad"), span(f" {way_out or 'Attaching again.'}", "muted")], width)
    if state.phase == "paused":
        return _banner("‖", "warn", [span(state.detail or "Paused."), Span(" F5 goes on.", "muted")], width)
    last = state.blocks[-1] if state.blocks else None
    told = last is not None and last.type == "turn" and last.detail == state.detail
    if state.phase == "failed" and state.detail and not told:
        return _banner("✗", "bad", [span(state.detail, "bad")], width)
    if state.queue:
        return _queue(state, width)
    if state.phase == "idle" and state.interrupted_turn is not None:
        # The terminal or the machine went away in the middle of a move, or the runner did: nobody goes on by itself.
        text = [Span("The agent was stopped in the middle of its work."), Span(" F5 goes on.", "muted")]
        return _banner("‖", "warn", text, width)
    return []


def _queue(state: SessionState, width: int) -> list[Line]:
    """The prompts that wait, the next one first, and how to take the last one back."""
    out: list[Line] = []
    for prompt in state.queue[:_QUEUE]:
        out.append(Line((Span("· ", "muted"), Span(fit(f"waiting: {span(prompt.text).text}", width - 2), "muted"))))
    more = f"and {len(state.queue) - _QUEUE} more   " if len(state.queue) > _QUEUE else ""
    return [*out, line(Span(f"  {more}", "muted"), Span("↑", "key"), Span(" takes the last one back", "muted"))]


def _banner(mark: str, role: Role, text: list[Span], width: int) -> list[Line]:
    return wrap(text, width, first=Line((Span(f"{mark} ", role),)))


def draw_tabs(chosen: str, plan: tuple[PlanEntry, ...], files: int, width: int) -> Line:
    """The tabs of a narrow workspace, the chosen one marked."""
    labels = {
        "transcript": "Transcript",
        "plan": f"Plan {plan_done(plan)}/{len(plan)}" if plan else "Plan",
        "diff": f"Diff {files}" if files else "Diff",
    }
    left: list[Span] = []
    for name, label in labels.items():
        mine = name == chosen
        left += [Span("▸" if mine else " ", "accent"), Span(label, "strong" if mine else "muted"), Span("  ")]
    return spread(left, [Span("Ctrl+T", "key"), Span(" next", "muted")], width)
