"""A run over time, as a small plot with a column for each span of time: turns, tool calls, money, and stops."""

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.budget import spent_usd
from agent.gates import GATES
from agent.state import SessionState
from tui.drawing.lines import Line, Role, Span, line, spread
from tui.drawing.words import cost_of, count, duration

_LEVELS = " ▁▂▃▄▅▆▇█"
_LABEL = 8
_TOTAL = 18
_LEAST_COLUMNS = 10


class _Scale(NamedTuple):
    """``columns`` of time from ``start`` on, ``step`` seconds each."""

    start: float
    step: float
    columns: int

    def column(self, at: float) -> int:
        """Where a Unix time is; what is outside belongs to the nearest end."""
        return max(0, min(self.columns - 1, int((at - self.start) / self.step)))

    def tally(self, times: Iterable[float]) -> list[float]:
        """How many of ``times`` each column has."""
        counts = [0.0] * self.columns
        for at in times:
            counts[self.column(at)] += 1
        return counts


def draw_timeline(state: SessionState, now: float, width: int) -> list[Line]:
    """The run from its first prompt until ``now`` (Unix time on the runner's clock); nothing before there is one."""
    turns = [block.at for block in state.blocks if block.type == "prompt"]
    if not turns:
        return []
    tools = [block.at for block in state.blocks if block.type == "tool"]
    columns = max(_LEAST_COLUMNS, width - _LABEL - _TOTAL)
    scale = _Scale(turns[0], max(1.0, now - turns[0]) / columns, columns)
    out = [
        _row("turns", _bars(scale.tally(turns)), count(len(turns), "turn"), "accent"),
        _row("tools", _bars(scale.tally(tools)), count(len(tools), "call"), "text"),
    ]
    if spent_usd(state) is not None:
        out.append(_row("cost", _bars(_costs(state, scale)), cost_of(state), "ok"))
    if state.verdicts:
        out.append(_row("stops", _stops(state, scale), count(len(state.verdicts), "finding"), "warn"))
    ends = spread([Span(_clock(turns[0]), "muted")], [Span(_clock(now), "muted")], columns)
    out.append(line(Span(" " * _LABEL), *ends.spans, Span(f"  {duration(now - turns[0])}", "muted")))
    return out


def _row(label: str, plot: str, total: str, role: Role) -> Line:
    return line(Span(f"{label:<{_LABEL}}", "muted"), Span(plot, role), Span(f"  {total}", "muted"))


def _bars(values: Sequence[float]) -> str:
    """Each value as a bar; the greatest is a full one, and what is not nothing is seen."""
    most = max(values)
    tall = len(_LEVELS) - 1
    return "".join(_LEVELS[max(1, round(value / most * tall)) if value > 0 else 0] for value in values)


def _costs(state: SessionState, scale: _Scale) -> list[float]:
    """Dollars spent until the end of each column."""
    totals = [0.0] * scale.columns
    for at, usd in state.costs:
        totals[scale.column(at)] = max(totals[scale.column(at)], usd)
    so_far = 0.0
    for place, usd in enumerate(totals):
        so_far = totals[place] = max(so_far, usd)
    return totals


def _stops(state: SessionState, scale: _Scale) -> str:
    """``‖`` where the watch paused the run, ``▮`` where a gate did, ``!`` where it only said something."""
    marks = [" "] * scale.columns
    for verdict in state.verdicts:
        mark = "!" if verdict.level != "pause" else "▮" if verdict.rule in GATES else "‖"
        place = scale.column(verdict.at)
        marks[place] = mark if marks[place] in " !" else marks[place]
    return "".join(marks)


def _clock(at: float) -> str:
    return time.strftime("%H:%M", time.localtime(at))
