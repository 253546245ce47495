"""``/model``, ``/mode`` and ``/option``: what the user chooses of what the agent offers."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from agent.events import Policy
from agent.knobs import MODE, MODEL, Choice, Knob, find_knob
from agent.policy import is_loose
from agent.sanitise import clean
from tui.commands import Spoken

if TYPE_CHECKING:
    from tui.workspace import Workspace

KNOB_WORDS = re.compile(r"/(model|mode|option) [^\n]*$")


class Said(NamedTuple):
    """A knob's id and the value that is written for it, as far as it is written."""

    knob: str
    value: str


def read_knob(text: str, knobs: Sequence[Knob]) -> Said | None:
    """What ``/model NAME``, ``/mode NAME`` or ``/option NAME VALUE`` says; ``None`` for anything else."""
    match = KNOB_WORDS.match(text)
    if match is None:
        return None
    rest = text[match.end(1) + 1 :]
    if match[1] != "option":
        return Said(match[1], rest)
    known = next((knob.id for knob in knobs if rest.startswith(f"{knob.id} ")), None)
    name, _, value = rest.partition(" ")
    return Said(name, value) if known is None else Said(known, rest[len(known) + 1 :])


def describe(choice: Choice, policy: Policy) -> str:
    """What a choice is; a mode that does more unasked than the policy allows is said to."""
    needs = f"needs the policy {choice.needs}" if is_loose(choice, policy) else ""
    return " · ".join(filter(None, (needs, choice.what or choice.name)))


def choose(screen: "Workspace", spoken: Spoken) -> None:
    """Turn a knob, or say what there is to choose."""
    knobs = screen.state.knobs
    said = read_knob(f"/{spoken.name} {spoken.rest}", knobs)
    if said is None or not said.value.strip():
        _tell(screen, spoken.name, knobs, said.knob if said else "")
    else:
        screen.command(lambda viewer: viewer.choose(said.knob, said.value.strip()))


def _tell(screen: "Workspace", command: str, knobs: Sequence[Knob], named: str) -> None:
    knob = find_knob(knobs, named)
    if knob is not None:
        values = ", ".join(choice.value for choice in knob.choices)
        screen.castoff.show_status(clean(f"{knob.name}: {knob.shown}. There are: {values}.", single_line=True))
    elif command == "option" and (others := [each.id for each in knobs if each.id not in (MODEL, MODE)]):
        screen.castoff.complain("Which option?", clean(f"There are: {', '.join(others)}.", single_line=True))
    else:
        screen.castoff.complain(f"The agent offers no {command} to choose.", "It may once it has started.")
