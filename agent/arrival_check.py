"""What was found when a session arrived on another machine, in words for the user and for the agent."""

from collections.abc import Sequence

from agent.events import Frozen
from agent.sanitise import clean

_MOST_NAMED = 12


class ArrivalCheck(Frozen):
    """``files`` are equal to what was sent; of ``programs`` that the session used, ``missing`` are not here.

    ``unknown`` says why programs could not be looked for. ``outside`` are files that the session used and that
    stayed on the machine it came from.
    """

    files: int
    programs: int = 0
    missing: tuple[str, ...] = ()
    unknown: str = ""
    outside: tuple[str, ...] = ()


def tell_user(check: ArrivalCheck) -> str:
    """The note in the transcript."""
    first = f"Checked on arrival: all {check.files:,} files are as they were sent"
    if check.unknown:
        return f"{first}; which commands are here is not known. {clean(check.unknown, single_line=True)}"
    if not check.programs:
        return f"{first}."
    there = check.programs - len(check.missing)
    if not check.missing:
        return f"{first}; the {there} commands that the session used are here."
    used = f"{there} of the {check.programs} commands that the session used are here"
    return f"{first}; {used}. Missing: {name_some(check.missing)}."


def tell_agent(check: ArrivalCheck) -> str:
    """What the agent should know before it goes on, or ""."""
    said = ""
    if check.missing:
        said += f" Commands you used that are not installed here: {name_some(check.missing)}."
    if check.outside:
        said += f" Files you used outside the working tree stayed on the other machine: {name_some(check.outside)}."
    return said


def name_some(names: Sequence[str]) -> str:
    """The first of ``names``, cleaned, and how many there are besides."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(clean(name, single_line=True) for name in names[:_MOST_NAMED]) + more
