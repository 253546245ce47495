"""Taking several runs home, one after the other, without deciding anything for the user."""

from collections.abc import Callable
from typing import Any

from remote.run import Run
from remote.steps import Home, Planned, Reviewed, StillHere
from tui.backend import Backend, Place
from tui.bulk import Outcome
from tui.drawing.words import count
from tui.moves import Move
from tui.runs import run_place

_ALONE = "pull it alone (p) to decide"


def objection(step: object) -> str:
    """What of a pull's step only the user can decide, or ""."""
    match step:
        case Reviewed():
            blocking = [problem for problem in step.problems if problem.blocking]
            return f"{blocking[0].sentence} {blocking[0].way_out}".strip() if blocking else ""
        case Planned():
            found = [count(len(step.executable), "file") + " that tools run by themselves"] if step.executable else []
            found += [count(len(step.clashes), "clash", "clashes")] if step.clashes else []
            found += ["many deletions"] if step.mass_deletion is not None else []
            return f"it brings {', '.join(found) or 'something'}: {_ALONE}."
        case _:
            return ""


async def pull_one(backend: Backend, run: Run, begins: Callable[[Place], None]) -> tuple[Outcome, Home | None]:
    """Take one run home; where a decision is the user's, it is left as it was. ``begins`` is told before it moves."""
    why = ""

    def answer() -> None:
        nonlocal why
        if not move.waits:
            return
        why = objection(move.last)
        if not why:
            begins(run_place(run))
        move.decide("cancel" if why else "go")

    move = Move[Any](lambda: backend.pull_back(run.host, run.run_id), answer)
    await move.drive()
    match move.end:
        case Home() as home:
            return Outcome(run), home
        case StillHere() as still:
            return Outcome(run, why or f"{still.reason} {still.way_out}".strip()), None
        case _:
            return Outcome(run, why or "It did not end."), None
