"""What is around the list of runs: its title, and what can be done."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from remote.run import Run
from tui.drawing.lines import Line, Span, cut, line, span, spread
from tui.drawing.runs import standing
from tui.drawing.words import ago

_BY = {
    "news": "newest first",
    "name": "by name",
    "state": "by state",
    "cost": "dearest first",
    "plan": "most done first",
}


class RowLike(Protocol):
    """What is used of `tui.board.Row`."""

    @property
    def run(self) -> Run:
        """The run."""
        ...

    @property
    def silent(self) -> float | None:
        """For how long its host has not answered."""
        ...


def draw_title(
    rows: Iterable[RowLike], order: str, came: float | None, width: int, *, asking: bool = False, aside: bool = False
) -> Line:
    """How many runs there are and how many wait for the user; ``came`` is how many seconds ago the last answer came."""
    kinds = [standing(row.run, row.silent).kind for row in rows]
    left = [Span("Runs put aside" if aside else "Runs", "heading"), Span(f"  {len(kinds)}", "muted")]
    waiting = kinds.count("needs you")
    left += [Span(f"  ? {waiting} {'needs' if waiting == 1 else 'need'} you", "warn")] if waiting else []
    state = "asking …" if asking else f"asked {ago(came)}" if came is not None else ""
    return spread(left, [Span(" · ".join(each for each in (_BY[order], state) if each), "muted")], width)


def draw_foot(run: Run | None, chosen: int, width: int, *, stops: bool = False, aside: bool = False) -> list[Line]:
    """The keys; ``chosen`` is how many runs they are about."""
    if run is not None and stops:
        return [line(span(f"x again stops the agent of {run.title}; its work stays on the host.", "warn"))]
    keys = [
        ("/", "filter"),
        ("o", "order"),
        ("b", "group"),
        ("A", "all runs" if aside else "put aside"),
        ("Esc", "back"),
    ]
    if chosen > 1:
        about = [("p", "pull back"), ("z", "pause"), ("g", "go on"), ("x", "stop"), ("a", "put aside")]
        keys = [*about, ("*", "all, none"), ("Esc", "pick none")]
    elif run is not None:
        about = [("Enter", "reattach"), ("d", "diff"), ("p", "pull back"), ("s", "steer"), ("t", "terminal")]
        about += [("z", "pause"), ("g", "go on"), ("x", "stop"), ("Space", "pick"), ("i", "details")]
        keys = [*about, ("a", "bring back" if aside else "put aside"), *keys]
    head = [Span(f"{chosen} runs  ", "strong")] if chosen > 1 else []
    return _packed(head, [(Span(key, "key"), Span(f" {what}  ", "muted")) for key, what in keys], width)


def _packed(head: Sequence[Span], pairs: Iterable[tuple[Span, Span]], width: int) -> list[Line]:
    """Keys with what they do, as many to a line as fit; none is torn apart."""
    rows: list[list[Span]] = [[*head]]
    for pair in pairs:
        used = sum(len(piece.text) for piece in rows[-1])
        if rows[-1] and used + sum(len(piece.text) for piece in pair) - 2 > width:
            rows.append([])
        rows[-1].extend(pair)
    return [cut(Line(tuple(row)), width) for row in rows]
