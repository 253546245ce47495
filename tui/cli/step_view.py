"""A handoff's or a pull's steps, shown as they come: as JSON, as lines, as a bar while bytes move."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.sanitise import clean
from remote.findings import LossKind, Stays
from remote.steps import (
    Applied,
    Away,
    Captured,
    Connecting,
    Draining,
    HandoffStep,
    Home,
    LinkBack,
    LinkLost,
    Offered,
    Planned,
    Preflighted,
    Proved,
    PullStep,
    Receiving,
    Reviewed,
    Sending,
    SettingUp,
    StillHere,
    Verified,
)
from tui.cli.output import Output
from tui.cli.pull_words import describe_home, describe_plan
from tui.drawing.words import count, size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.status import Status

_CHANGES_SHOWN = 40
_VERBS: dict[LossKind, str] = {
    "ignored": "stays",
    "unreadable": "not readable",
    "outside": "stays",
    "command": "missing there",
    "version": "differs",
    "variable": "not set there",
    "mcp": "not there",
    "process": "ends",
    "other": "stays",
}


class StepView:
    """Shows steps as they come: JSON records, or lines with one progress bar while bytes move on a terminal."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._status: Status | None = None
        self._moving: Sending | Receiving | None = None

    def take(self, step: HandoffStep | PullStep) -> None:
        """Show one step."""
        self._out.record("step", step)
        if self._out.as_json:
            return
        if isinstance(step, Sending | Receiving):
            if self._out.console.is_terminal:
                self._advance(step)
            self._moving = step
            return
        if isinstance(step, SettingUp) and self._out.console.is_terminal:
            self._replace_line(describe(step))
            return
        if not (isinstance(step, Captured) and self._moving is not None):
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

    def _replace_line(self, line: str) -> None:
        """An installation says a lot: on a terminal only its latest line is worth a look."""
        from rich.text import Text

        text = Text(clean(line, single_line=True), overflow="ellipsis", no_wrap=True)
        if self._status is None:
            self._status = self._out.console.status(text)
            self._status.start()
        self._status.update(text)

    def close(self) -> None:
        """Take the bar, or the line that changes, off the terminal; what it last said of the bytes stays as a line."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
        if self._moving is not None:
            self._out.say(describe(self._moving))
            self._moving = None


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
        case Planned():
            return describe_plan(step)
        case Offered():
            return f"given up here and offered as epoch {step.epoch}"
        case Proved():
            how = "lossy, from a brief" if step.lossy else step.resumed
            return f"{step.agent} goes on there ({how}, its session {step.agent_session_id})"
        case Applied():
            placed = f"{count(step.changed, 'change')}, {count(step.deleted, 'deletion')}"
            return f"applied: {placed}; castoff undo takes it back, the originals are in {step.undo}"
        case Away():
            away = f"{step.run_id} is on {step.host} after {step.seconds:.1f} s. You can close the laptop."
            return "\n".join([away, *describe_notes(step.notes)])
        case Home():
            return describe_home(step)
        case LinkLost():
            return f"the link to {step.host} is lost; looking for it, {step.seconds:.0f} s at most"
        case LinkBack():
            return f"the link to {step.host} is back"
        case StillHere():
            return ""  # the command ends with this as its error


def _describe_preflight(step: Preflighted) -> str:
    facts = step.facts
    lines = [
        f"{facts.host}: {facts.user}, {facts.system}, {size(facts.free)} free, {facts.rtt * 1000:.0f} ms away",
        f"  sandbox: {facts.sandbox}{'. ' if facts.sandbox_detail else ''}{facts.sandbox_detail}",
        f"  travels: {count(step.files, 'file')}, {size(step.size)}; {step.git}",
        *(_describe_travelling("beside", s) for s in step.extras.companions),
        *(_describe_travelling("included", s) for s in step.extras.included),
        *([f"  variables: {', '.join(step.extras.env)}"] if step.extras.env else []),
        *([f"  asks for: {', '.join(step.extras.rules.ask)}"] if step.extras.rules.ask else []),
        *([f"  refuses: {', '.join(step.extras.rules.deny)}"] if step.extras.rules.deny else []),
        *(f"  setup: {clean(command, single_line=True)}" for command in step.extras.setup),
        *describe_losses(step.stays),
        *_describe_problems(step),
    ]
    return "\n".join(lines)


def _describe_travelling(label: str, thing: Stays) -> str:
    return f"  {clean(f'{label}: {thing.what}{_extent(thing)}: {thing.why}', single_line=True)}"


def describe_losses(stays: Sequence[Stays]) -> list[str]:
    """The loss report: a line for each thing, with how much it is, why, and what was decided."""
    verbs = (_VERBS[each.kind] if each.choice == "leave" else each.choice for each in stays)
    lines = (f"{verb}: {s.what}{_extent(s)}: {s.why}" for verb, s in zip(verbs, stays, strict=True))
    # A name may hold a line's end: it must not pass for another line.
    return [f"  {clean(line, single_line=True)}" for line in lines]


def describe_notes(notes: Sequence[str]) -> list[str]:
    """Sentences on what could not be done as wished, a line each."""
    return [f"  note: {clean(note, single_line=True)}" for note in notes]


def _extent(stays: Stays) -> str:
    return f" ({count(stays.files, 'file')}, {size(stays.size)})" if stays.files else ""


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
