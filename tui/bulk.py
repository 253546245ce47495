"""Doing one thing to several runs: the question that lists them all, and how it went in one sentence."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from agent.errors import AgentError
from remote.errors import RemoteError
from remote.run import Run
from tui.drawing.lines import BLANK, Line, Span, line, pad, span, spread, wrap
from tui.drawing.runs import standing
from tui.drawing.words import count
from tui.keymap import bindings
from tui.lines_view import Lines

_LISTED = 12


class Deed(NamedTuple):
    """Something done to runs: as a command, as done, and what it means for them."""

    verb: str
    done: str
    means: str


PAUSE = Deed("Pause", "paused", "Their turns end; what they did is kept, and they wait for you.")
RESUME = Deed("Let go on", "told to go on", "Those that are paused or failed take up their work again.")
STOP = Deed("Stop", "stopped", "Their agents end. Their work stays on the hosts.")
PULL = Deed("Pull back", "taken home", "One after the other. One that has something to decide is left where it is.")


class Outcome(NamedTuple):
    """How it went with one run: why it did not work, or ""."""

    run: Run
    fault: str = ""


async def do_each(runs: Sequence[Run], do: Callable[[Run], Awaitable[None]]) -> list[Outcome]:
    """Do it to all at once; each failure is one run's own."""
    return list(await asyncio.gather(*(_do(run, do) for run in runs)))


async def _do(run: Run, do: Callable[[Run], Awaitable[None]]) -> Outcome:
    try:
        await do(run)
    except (AgentError, RemoteError) as error:
        return Outcome(run, f"{error} {error.way_out}".strip())
    return Outcome(run)


def told(deed: Deed, outcomes: Sequence[Outcome]) -> str:
    """What became of it, in sentences: how many, and which not and why."""
    failed = [each for each in outcomes if each.fault]
    if len(outcomes) == 1 and not failed:
        run = outcomes[0].run
        return f"{run.title} on {run.host} was {deed.done}."
    said = [f"{count(len(outcomes) - len(failed), 'run')} {deed.done}."] if len(failed) < len(outcomes) else []
    return " ".join([*said, *(f"Not {each.run.title} on {each.run.host}: {each.fault}" for each in failed)])


class BulkDialog(ModalScreen[bool]):
    """Asks once, with the list of all runs that it is about."""

    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    BulkDialog { align: center middle; background: $background 60%; }
    BulkDialog > Vertical {
        width: 76; max-width: 100%; height: auto; padding: 1 2; background: $background; border: round $c-accent;
    }
    """

    def __init__(self, deed: Deed, runs: Sequence[Run]) -> None:
        """A question about ``runs``."""
        super().__init__()
        self.deed = deed
        self.runs = tuple(runs)

    def compose(self) -> ComposeResult:
        """One block of lines."""
        with Vertical():
            yield Lines(self._draw, id="bulk")

    def _draw(self, width: int) -> list[Line]:
        head = f"{self.deed.verb} {'these ' if len(self.runs) > 1 else ''}{count(len(self.runs), 'run')}?"
        out = [line(Span("? ", "warn"), Span(head, "strong")), BLANK]
        for run in self.runs[:_LISTED]:
            stands = standing(run)
            left = [Span("  "), span(run.title), Span("  "), Span(pad(span(run.host).text, 12), "accent")]
            out.append(spread(left, [Span(f"{stands.mark} {stands.words}", stands.role)], width))
        if len(self.runs) > _LISTED:
            out.append(line(Span(f"  and {len(self.runs) - _LISTED} more", "muted")))
        out += [BLANK, *wrap([Span(self.deed.means, "muted")], width), BLANK]
        keys = (("y", "do it"), ("n", "leave them"))
        return [*out, line(*[s for key, what in keys for s in (Span(key, "key"), Span(f" {what}   ", "muted"))])]

    def action_answer(self, yes: bool) -> None:
        """Answer."""
        self.dismiss(yes)
