"""Handoff and pull-back as lines: what travels, progress, and how it ended."""

from collections.abc import Sequence

from remote.findings import Extras, Problem, Stays
from remote.levels import SAYS, maps_paths
from remote.steps import (
    Applied,
    Away,
    Captured,
    Change,
    Draining,
    Home,
    LinkLost,
    Offered,
    Planned,
    Preflighted,
    Proved,
    Receiving,
    Reviewed,
    Sending,
    SettingUp,
    StillHere,
    Timing,
    Verified,
)
from tui.drawing.diffs import counts
from tui.drawing.lines import BLANK, Line, Role, Span, cut, fit_start, line, pad, span, spread, text_lines, wrap
from tui.drawing.losses import draw_losses
from tui.drawing.words import count, duration, size
from tui.moves import Step, Timed

LABEL = 10


def _row(label: str, text: str, width: int, role: Role = "text") -> list[Line]:
    return wrap([span(text, role)], width, first=Line((Span(pad(label, LABEL), "muted"),)))


def draw_preflight(step: Preflighted, width: int, mark: int | None = None) -> list[Line]:
    """What a handoff would do: where to, what travels, what stays (``mark`` is the index of the one that is marked),
    what stands in the way."""
    facts = step.facts
    there = f"{facts.user}@{facts.host}, {facts.system}, {size(facts.free)} free, {facts.rtt * 1000:.0f} ms away"
    out = _row("There", there, width)
    role: Role = "text" if maps_paths(facts.sandbox) else "warn"
    out += _row("Sandbox", facts.sandbox_detail or SAYS[facts.sandbox].sentence, width, role)
    out += _row("Travels", f"{count(step.files, 'file')}, {size(step.size)}", width)
    out += _row("", step.git, width, "muted")
    out += _draw_extras(step.extras, width)
    return [*out, *draw_losses(step.stays, width, mark), *draw_problems(step.problems, width)]


def _draw_extras(extras: Extras, width: int) -> list[Line]:
    """What goes along beside that."""
    out = [*_draw_travelling("Beside", extras.companions, width), *_draw_travelling("Included", extras.included, width)]
    if extras.env:
        out += _row("Variables", f"{', '.join(extras.env)}, with their values", width)
    for label, deeds in (("Asks for", extras.rules.ask), ("Refused", extras.rules.deny)):
        if deeds:
            out += _row(label, f"{', '.join(deeds)}, whatever the policy", width)
    for index, command in enumerate(extras.setup):
        # Its own lines: in a shell a line's end is not a space.
        for number, text in enumerate(text_lines(command)):
            out += _row("Setup" if index == number == 0 else "", f"{'  ' if number else ''}{text}", width, "code")
    return out


def _draw_travelling(label: str, things: Sequence[Stays], width: int) -> list[Line]:
    out: list[Line] = []
    for index, each in enumerate(things):
        what = f"{each.what} ({count(each.files, 'file')}, {size(each.size)})"
        first = Line((Span(pad(label if index == 0 else "", LABEL), "muted"),))
        out += wrap([span(what), span(f"  {each.why}", "muted")], width, first=first)
    return out


def draw_problems(problems: Sequence[Problem], width: int) -> list[Line]:
    """Problems with their ways out; those that block are marked and come first."""
    out: list[Line] = []
    for problem in sorted(problems, key=lambda p: not p.blocking):
        mark = Span("✗ ", "bad") if problem.blocking else Span("! ", "warn")
        out += wrap([span(problem.sentence)], width, first=Line((mark,)))
        if problem.way_out:
            out += wrap([span(problem.way_out, "muted")], width, first=line("  "))
    return [BLANK, *out] if out else []


_Row = tuple[str, float | None, float | None]
"""A step of the list: its words, when it began, and when it ended."""


def _begun(steps: Sequence[Timed], kind: type[Step]) -> float | None:
    return next((t.at for t in steps if isinstance(t.step, kind)), None)


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _sent(steps: Sequence[Timed]) -> float | None:
    """When the last byte had gone."""
    return next(
        (t.at for t in steps if isinstance(t.step, Sending | Receiving) and t.step.files_done >= t.step.files
         and t.step.bytes_done >= t.step.total), None
    )  # fmt: skip


def handoff_rows(steps: Sequence[Timed], host: str) -> list[_Row]:
    """The steps of a handoff after the decision."""
    drained, captured, verified = _begun(steps, Draining), _begun(steps, Captured), _begun(steps, Verified)
    # Where the host has nothing of the tree, bytes move before everything is digested.
    sending, sent = _earlier(captured, _begun(steps, Sending)), _sent(steps)
    compared = max(captured, sent) if captured is not None and sent is not None else None
    offered, proved, away = _begun(steps, Offered), _begun(steps, Proved), _begun(steps, Away)
    return [
        ("Stop the agent at a safe point, take stock", drained, captured),
        (f"Send to {host}", sending, sent or verified),
        ("Compare there, file by file", compared, verified),
        ("Give the session up here, on disk", verified, offered),
        (f"Take it up on {host}, and prove it", offered, proved or away),
    ]


def pull_rows(steps: Sequence[Timed], host: str) -> list[_Row]:
    """The steps of a pull-back after the decision."""
    drained, received, verified = _begun(steps, Draining), _begun(steps, Receiving), _begun(steps, Verified)
    offered, applied, home = _begun(steps, Offered), _begun(steps, Applied), _begun(steps, Home)
    return [
        (f"Stop the agent on {host} at a safe point", drained, received or verified),
        ("Bring it here, aside", received, _sent(steps) or verified),
        ("Compare, file by file", _sent(steps) or received, verified),
        (f"Give the session up on {host}", _begun(steps, Planned) or verified, offered),
        ("Put it in place here", offered, applied or home),
    ]


def draw_rows(rows: Sequence[_Row], steps: Sequence[Timed], now: float, width: int) -> list[Line]:
    """The list of steps: done, running with its numbers, still to come."""
    out: list[Line] = []
    moving = next((t.step for t in reversed(steps) if isinstance(t.step, Sending | Receiving)), None)
    for label, begun, ended in rows:
        if begun is not None and ended is not None:
            out.append(spread([Span("✓ ", "ok"), span(label)], [Span(duration(ended - begun), "muted")], width))
        elif begun is not None:
            right = [Span(duration(now - begun), "accent")]
            out.append(spread([Span("▸ ", "accent"), span(label, "strong")], right, width))
        else:
            out.append(cut(line(Span("· ", "muted"), span(label, "muted")), width))
        if moving is not None and label.startswith(("Send", "Bring")) and begun is not None:
            out.extend(_transfer(moving, width, done=ended is not None))
    return out


def draw_lost(lost: Timed | None, now: float, width: int) -> list[Line]:
    """That the link is lost and looked for, if it is."""
    if lost is None or not isinstance(lost.step, LinkLost):
        return []
    text = f"The link to {lost.step.host} is lost. It goes on by itself when that is back"
    left = max(0.0, lost.step.seconds - (now - lost.at))
    return [BLANK, *wrap([span(f"{text}; {left:.0f} s to go.")], width, first=Line((Span("! ", "warn"),)))]


def _transfer(step: Sending | Receiving, width: int, *, done: bool) -> list[Line]:
    numbers = f"{size(step.bytes_done)} of {size(step.total)}, {step.files_done:,} of {count(step.files, 'file')}"
    if done:
        return [cut(line(Span(f"  {numbers}", "muted")), width)]
    numbers += f", {size(step.rate)}/s" if step.rate > 0 else ""
    share = min(1.0, step.bytes_done / step.total) if step.total else 0.0
    cells = max(10, min(48, width - 4))
    full = int(share * cells)
    bar = [
        Span("  "),
        Span("━" * full, "accent"),
        Span("─" * (cells - full), "rule"),
        Span(f" {int(share * 100)} %", "muted"),
    ]
    return [cut(Line(tuple(bar)), width), cut(line(Span(f"  {numbers}", "muted")), width)]


def cancel_words(last: Step | None, host: str, *, pulling: bool) -> str:
    """What cancelling would do at this moment, or that it is too late."""
    stays = f"It stays on {host} and goes on there." if pulling else "It stays here, and the agent goes on."
    kept = "" if pulling else f" What arrived at {host} saves time the next time."
    match last:
        case Offered() | Proved() | Applied():
            return "Too late to cancel: it is changing hands. If that fails, it stays where it was."
        case Draining():
            return f"Cancel now and nothing has moved. {stays}"
        case Captured() | Sending() | Receiving() | Verified() | Planned():
            return f"Cancel now and nothing has changed. {stays}{kept}"
        case _:
            return "Cancel now and nothing has happened."


def can_cancel(last: Step | None) -> bool:
    """Whether cancelling is still offered."""
    return not isinstance(last, Offered | Proved | Applied | Away | Home | StillHere)


def draw_setup(steps: Sequence[Timed], host: str, now: float, begun: float, width: int) -> list[Line]:
    """The host is being asked, or set up."""
    details = [t.step.detail for t in steps if isinstance(t.step, SettingUp)]
    text = f"Setting up castoff on {host}, once" if details else f"Asking {host}"
    out = [spread([Span("▸ ", "accent"), span(text)], [Span(duration(now - begun), "muted")], width)]
    return out + [cut(line(span(f"  {d}", "muted")), width) for d in details[-4:]]


def draw_away(step: Away, proved: Proved | None, command: str, width: int) -> list[Line]:
    """The session is away: the laptop can be closed; ``command`` reattaches later."""
    out = [line(Span("✓ ", "ok"), span(f"It is on {step.host} now. You can close the laptop.", "strong")), BLANK]
    out += _row("Run", step.run_id, width)
    out += _row("Host", step.host, width)
    if proved is not None:
        how = {"new": "told of everything so far", "resume": "conversation resumed", "load": "conversation loaded"}
        known = "begun anew from a brief" if proved.lossy else how[proved.resumed]
        out += _row("Agent", f"{proved.agent}, {known}", width, "warn" if proved.lossy else "text")
    out += _row("Carried", f"{count(step.files, 'file')}, {size(step.size)}, in {duration(step.seconds)}", width)
    out += _timings(step.timings, width)
    for note in step.notes:
        out += _row("", note, width, "warn")
    out += [BLANK]
    out += _row("Reattach", f"Enter here; later: {command}, in any terminal", width)
    return out


def _timings(timings: Sequence[Timing], width: int) -> list[Line]:
    if not timings:
        return []
    return _row("", ", ".join(f"{t.step} {duration(t.seconds)}" for t in timings), width, "muted")


def draw_still_here(step: StillHere, width: int, *, pulling: bool, host: str) -> list[Line]:
    """Nothing moved: why, and what to do."""
    where = f"Still on {host}. Nothing here has changed." if pulling else "Still here. Nothing has moved."
    if step.code in ("unsettled", "internal"):
        where = "It is not settled where the session is."
    elif step.code == "being-moved":
        where = "From here, nothing was moved."
    out = [line(Span("■ ", "warn"), span(where, "strong")), BLANK]
    out += wrap([span(step.reason)], width)
    if step.way_out:
        out += wrap([span(step.way_out, "muted")], width)
    return out


def draw_review(step: Reviewed, width: int) -> list[Line]:
    """What a pull would change here."""
    added, removed = sum(c.added or 0 for c in step.changes), sum(c.removed or 0 for c in step.changes)
    head = f"{count(len(step.changes), 'file')} would change here" if step.changes else "No file would change here"
    if step.commits:
        head += f", {count(step.commits, 'commit')} would come along"
    elif not step.changes:
        head += "; the conversation comes home"
    out = [spread([span(head, "strong")], counts(added, removed), width)]
    out += draw_problems(step.problems, width)
    out.append(BLANK)
    return out + [draw_change(c, width) for c in step.changes]


def draw_change(change: Change, width: int) -> Line:
    """One path that would change."""
    words: dict[str, tuple[str, Role]] = {"added": ("+", "ok"), "modified": ("±", "accent"), "deleted": ("−", "bad")}
    mark, role = words[change.change]
    right = [
        *counts(change.added, change.removed),
        Span(f" {'new' if change.change == 'added' else change.change}", "muted"),
    ]
    room = width - 3 - sum(len(s.text) for s in right)
    return spread([Span(f"{mark} ", role), Span(fit_start(span(change.path).text, room))], right, width)


def draw_home(step: Home, applied: Applied | None, width: int) -> list[Line]:
    """The session is home."""
    out = [line(Span("✓ ", "ok"), Span("The session is here again.", "strong")), BLANK]
    deleted = f", {count(step.deleted, 'file')} deleted" if step.deleted else ""
    if step.branch or step.patch:
        out += _row("Its work", f"on the branch {step.branch}" if step.branch else f"in {step.patch}", width)
    else:
        out += _row("Changed", f"{count(step.changed, 'file') if step.changed else 'no file'}{deleted}", width)
    if step.commits_ref:
        out += _row("Commits", step.commits_ref, width)
    if applied is not None and (step.changed or step.deleted):
        kept = f", and as a commit for git fetch in {applied.bundle}" if applied.bundle else ""
        out += _row("Undo", f"castoff undo; what was here before is kept in {applied.undo}{kept}", width)
    out += _row("Took", duration(step.seconds), width)
    return out + _timings(step.timings, width)
