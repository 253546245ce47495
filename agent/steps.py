"""The steps of a plan over time: how long each was worked on, what was spent meanwhile, and where it began.

Pure, a part of the fold. Time is counted while a turn runs: what waits for a user, or moves, takes none.
"""

from collections.abc import Sequence

from agent.events import Frozen, PlanEntry


class Step(Frozen):
    """One step. ``seq`` is the event with which it was first at work or done, 0: not yet."""

    content: str
    at_work: bool = False
    seq: int = 0
    spent: float | None = None
    """Seconds that it was worked on before ``since``; ``None``: it was never seen at work."""
    since: float | None = None
    """From when on it is worked on now: Unix time, by the clock of the machine that the session is on."""
    usd: float | None = None
    """Dollars that were reported while it was at work."""

    def seconds(self, now: float) -> float | None:
        """Seconds that it was worked on until ``now``; ``None``: it was never seen at work."""
        if self.since is None:
            return self.spent
        return (self.spent or 0.0) + max(0.0, now - self.since)


def follow(
    steps: Sequence[Step], entries: Sequence[PlanEntry], at: float, seq: int, *, working: bool
) -> tuple[Step, ...]:
    """The steps of a new plan: each goes on from what is known of it; ``working`` says whether a turn runs."""
    known = zip(_match(steps, entries), entries, strict=True)
    return tuple(_advance(step, entry, at, seq, working=working) for step, entry in known)


def _match(steps: Sequence[Step], entries: Sequence[PlanEntry]) -> list[Step]:
    """For each entry what is known of it: the step of its words, else the one at its place if its words are gone."""
    left = list(steps)
    found: list[Step | None] = []
    for entry in entries:
        same = next((step for step in left if step.content == entry.content), None)
        if same is not None:
            left.remove(same)
        found.append(same)
    for place, entry in enumerate(entries):
        if found[place] is None and place < len(steps) and steps[place] in left:
            left.remove(steps[place])
            found[place] = steps[place].model_copy(update={"content": entry.content})
    return [step or Step(content=entry.content) for step, entry in zip(found, entries, strict=True)]


def _advance(step: Step, entry: PlanEntry, at: float, seq: int, *, working: bool) -> Step:
    at_work = entry.status == "in_progress"
    if at_work == step.at_work and (step.seq or entry.status == "pending"):
        return step
    update: dict[str, object] = {"at_work": at_work, "seq": step.seq or (0 if entry.status == "pending" else seq)}
    if at_work:
        update |= {"spent": step.spent or 0.0, "since": at if working else None}
    elif step.at_work:
        update |= {"spent": step.seconds(at), "since": None}
    return step.model_copy(update=update)


def go_on(steps: Sequence[Step], at: float) -> tuple[Step, ...]:
    """A turn begins."""
    return tuple(step.model_copy(update={"since": at}) if step.at_work else step for step in steps)


def rest(steps: Sequence[Step], at: float) -> tuple[Step, ...]:
    """A turn ends."""
    return tuple(
        step.model_copy(update={"spent": step.seconds(at), "since": None}) if step.at_work else step for step in steps
    )


def charge(steps: Sequence[Step], usd: float) -> tuple[Step, ...]:
    """Dollars were spent: they are shared by the steps at work."""
    shares = sum(step.at_work for step in steps)
    return tuple(
        step.model_copy(update={"usd": (step.usd or 0.0) + usd / shares}) if step.at_work else step for step in steps
    )
