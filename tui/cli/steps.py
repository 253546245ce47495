"""Driving a handoff or a pull from the command line: its steps as lines, its bytes as a bar, its questions."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from agent.sanitise import clean
from remote.steps import (
    Applied,
    Away,
    Captured,
    Connecting,
    Decision,
    Draining,
    HandoffStep,
    Home,
    Offered,
    Preflighted,
    Problem,
    Proved,
    PullStep,
    Receiving,
    Reviewed,
    Sending,
    SettingUp,
    StillHere,
    Verified,
)
from tui.cli.errors import NotMoved
from tui.cli.output import Output
from tui.cli.wording import count, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Step = TypeVar("Step", bound=HandoffStep | PullStep)
_CHANGES_SHOWN = 40


class StepView:
    """Shows steps as they come: JSON records, or lines with one progress bar while bytes move on a terminal."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def take(self, step: HandoffStep | PullStep) -> None:
        """Show one step."""
        self._out.record("step", step)
        if self._out.as_json:
            return
        if isinstance(step, Sending | Receiving):
            if self._out.console.is_terminal:
                self._advance(step)
            elif step.files_done == step.files:
                self._out.say(describe(step))
            return
        self.close()
        if text := describe(step):
            self._out.say(text)

    def _advance(self, step: Sending | Receiving) -> None:
        if self._bar is None or self._task is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
            )
            self._bar = Progress(*columns, console=self._out.console)
            self._task = self._bar.add_task("", total=step.total)
            self._bar.start()
        verb = "sending" if isinstance(step, Sending) else "receiving"
        self._bar.update(
            self._task,
            description=f"{verb} {step.files_done:,} of {count(step.files, 'file')}",
            completed=step.bytes_done,
            total=step.total,
        )

    def close(self) -> None:
        """Take the progress bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def describe(step: HandoffStep | PullStep) -> str:
    """One step in words; sizes and counts are those of the step, nothing is estimated."""
    match step:
        case Connecting():
            return f"connecting to {step.host}"
        case SettingUp():
            return f"setting up: {step.detail}"
        case Preflighted():
            return _describe_preflight(step)
        case Reviewed():
            return _describe_review(step)
        case Draining():
            return f"waiting for a safe point in the agent's work, {step.deadline:.0f} s at most"
        case Captured():
            return f"captured {count(step.files, 'file')}, {size(step.size)}"
        case Sending():
            return f"sent {count(step.files_done, 'file')}, {size(step.bytes_done)}, {size(step.rate)}/s"
        case Receiving():
            return f"received {count(step.files_done, 'file')}, {size(step.bytes_done)}, {size(step.rate)}/s"
        case Verified():
            return f"verified: {count(step.files, 'file')} equal on both sides ({step.digest[:12]})"
        case Offered():
            return f"given up here and offered as epoch {step.epoch}"
        case Proved():
            return f"{step.agent} goes on there ({step.resumed}, its session {step.agent_session_id})"
        case Applied():
            return f"applied: {count(step.changed, 'change')}, {count(step.deleted, 'deletion')}; undo: {step.undo}"
        case Away():
            return f"{step.run_id} is on {step.host} after {step.seconds:.1f} s. You can close the laptop."
        case Home():
            return f"{step.run_id} is home after {step.seconds:.1f} s: {count(step.changed, 'change')}."
        case StillHere():
            return ""  # the command ends with this as its error


def _describe_preflight(step: Preflighted) -> str:
    facts = step.facts
    lines = [
        f"{facts.host}: {facts.user}, {facts.system}, {size(facts.free)} free, {facts.rtt * 1000:.0f} ms away",
        f"  sandbox: {facts.sandbox}{'. ' if facts.sandbox_detail else ''}{facts.sandbox_detail}",
        f"  travels: {count(step.files, 'file')}, {size(step.size)}; {step.git}",
        *(f"  stays: {s.what} ({count(s.files, 'file')}, {size(s.size)}): {s.why}" for s in step.stays),
        *_describe_problems(step),
    ]
    return "\n".join(lines)


def _describe_review(step: Reviewed) -> str:
    letters = {"added": "A", "modified": "M", "deleted": "D"}
    lines = [
        f"{step.run_id} on {step.host}: {count(len(step.changes), 'file')} changed, {count(step.commits, 'commit')}"
    ]
    for change in step.changes[:_CHANGES_SHOWN]:
        counts = "" if change.added is None else f"  +{change.added} -{change.removed or 0}"
        lines.append(f"  {letters[change.change]} {change.path!r}{counts}")
    if len(step.changes) > _CHANGES_SHOWN:
        lines.append(f"  and {len(step.changes) - _CHANGES_SHOWN} more: castoff diff {step.run_id} --stat")
    return "\n".join([*lines, *_describe_problems(step)])


def _describe_problems(step: Preflighted | Reviewed) -> list[str]:
    mark = {True: "in the way", False: "note"}
    return [f"  {mark[p.blocking]}: {p.sentence} {p.way_out}".rstrip() for p in step.problems]


def find_blocking(step: HandoffStep | PullStep) -> Problem | None:
    """The first problem that stands in the way, so that nobody needs to be asked."""
    if not isinstance(step, Preflighted | Reviewed):
        return None
    return next((problem for problem in step.problems if problem.blocking), None)


class Decider:
    """Decides where a move waits: no where a problem blocks, else what was settled before, else what a person says."""

    def __init__(self, question: str, settled: Decision | None) -> None:
        self._question = question
        self._settled = settled
        self.blocking: Problem | None = None
        """What stood in the way, once something did."""

    async def decide(self, step: HandoffStep | PullStep) -> Decision:
        """Whether the move goes on after ``step``."""
        self.blocking = find_blocking(step)
        if self.blocking is not None:
            return "cancel"
        if self._settled is not None:
            return self._settled
        if await confirm(self._question):
            return "go"
        return "cancel"

    def refuse(self, last: StillHere) -> NotMoved:
        """The error that a move ends with: what blocked it, else what it said itself."""
        if self.blocking is not None:
            return NotMoved(self.blocking.sentence, self.blocking.way_out, code=self.blocking.code)
        return NotMoved(last.reason, last.way_out, code=last.code)


async def drive(
    steps: AsyncGenerator[Step, Decision | None], view: StepView, decide: Callable[[Step], Awaitable[Decision]]
) -> Step:
    """Run the generator to its end and return its last step; ``decide`` is asked where a decision is due.

    Cancelling this cancels the generator where it is, and it puts things right before this returns.
    """
    decision: Decision | None = None
    last: Step | None = None
    try:
        while True:
            last = await steps.asend(decision)
            view.take(last)
            decision = await decide(last) if isinstance(last, Preflighted | Reviewed) else None
    except StopAsyncIteration:
        assert last is not None
        return last
    finally:
        await steps.aclose()


def can_ask() -> bool:
    """Whether a person is at both ends of this process."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; anything but yes is no. Ctrl-C cancels it like everything else."""
    sys.stderr.write(f"{clean(question, single_line=True)} [y/N] ")
    sys.stderr.flush()
    loop, line = asyncio.get_running_loop(), asyncio.Event()
    # A thread in input() could not be cancelled, and would keep the process alive.
    loop.add_reader(sys.stdin.fileno(), line.set)
    try:
        await line.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return os.read(sys.stdin.fileno(), 1024).decode(errors="replace").strip().casefold() in ("y", "yes")
