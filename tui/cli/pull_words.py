"""What a pull will do, and what became of it, in words and with the commands that settle what is open."""

from collections.abc import Sequence

from agent.sanitise import clean
from remote.steps import Clash, HeldBack, Home, Planned
from tui.drawing.words import count

_SHOWN = 40
_WHY = {
    "executable": "some tool runs or obeys it, and it was not accepted",
    "deletion": "the run deleted most of the files, and that was not accepted",
    "not-chosen": "it was not among the paths to merge",
}


def describe_plan(step: Planned) -> str:
    """What would happen here: executable configuration first, then clashes; nothing if there is nothing to ask."""
    lines: list[str] = []
    for each in step.executable:
        lines.append(f"  {each.change}, and {each.why}: {_line(each.path)}")
        lines += [f"      {_line(text)}" for text in each.text.splitlines()]
    if step.mass_deletion is not None:
        lost, had = step.mass_deletion
        lines.append(f"  the run deleted {lost} of {count(had, 'file')}")
    lines += [f"  clash: {_line(clash.path)} {clash.sentence}" for clash in step.clashes]
    head = f"planned: {count(len(step.changes), 'file')} changed by the run"
    return "\n".join([head, *lines])


def describe_home(step: Home) -> str:
    """The end of a pull: where the work is, what clashes, what was held back, and the commands for it."""
    lines = [f"{step.run_id} is home after {step.seconds:.1f} s: {_where(step)}."]
    lines += [f"  note: {note}" for note in step.notes]
    lines += _describe_clashes(step.clashes)
    lines += _describe_held(step.held)
    return "\n".join(lines)


def _where(step: Home) -> str:
    if step.branch:
        return f"its work is on the branch {step.branch}"
    if step.patch:
        return f"its work is in {step.patch}"
    return count(step.changed, "change")


def _describe_clashes(clashes: Sequence[Clash]) -> list[str]:
    if not clashes:
        return []
    head = count(len(clashes), "clash", "clashes")
    lines = [f"  {head}; both versions are kept, and in the project's folder these commands settle them:"]
    for clash in clashes[:_SHOWN]:
        lines.append(f"  {_line(clash.path)} {clash.sentence}")
        lines += [f"      for {way.takes}:  {way.command}" for way in clash.ways]
    return lines + _more(len(clashes))


def _describe_held(held: Sequence[HeldBack]) -> list[str]:
    if not held:
        return []
    lines = [f"  {count(len(held), 'change')} held back; in the project's folder these commands make them:"]
    for why in dict.fromkeys(each.why for each in held):
        commands = [each.command for each in held if each.why == why]
        lines.append(f"  {_WHY[why]}:")
        lines += [f"      {command}" for command in commands[:_SHOWN]]
        lines += _more(len(commands))
    return lines


def _more(number: int) -> list[str]:
    return [f"      and {number - _SHOWN} more: --json tells all"] if number > _SHOWN else []


def _line(text: str) -> str:
    return clean(text, single_line=True)
