"""What an agent lets its user choose: its model, its mode, and a few more. Pure.

A knob is known by a short name: ``model`` and ``mode`` in all agents, else the agent's own id of it.
"""

from collections.abc import Mapping, Sequence

from agent.errors import CommandRefused
from agent.frozen import Frozen

MODEL = "model"
MODE = "mode"
_MOST_SHOWN = 12


class Choice(Frozen):
    """One value of a knob: the agent's own id of it, its name for people, and what it is."""

    value: str
    name: str
    what: str = ""
    needs: str = ""
    """Of a mode: the tightest policy that allows what it does unasked; "" where nobody knows."""


class Knob(Frozen):
    """One thing to choose, as it stands: ``value`` is one of its ``choices``, or what the agent came with."""

    id: str
    name: str
    value: str
    choices: tuple[Choice, ...]

    @property
    def current(self) -> Choice:
        """Its value."""
        own = Choice(value=self.value, name=self.value)
        return next((choice for choice in self.choices if choice.value == self.value), own)

    @property
    def shown(self) -> str:
        """What its value is called."""
        return self.current.name


def find_knob(knobs: Sequence[Knob], knob_id: str) -> Knob | None:
    """The knob of that name, if the agent has it."""
    return next((knob for knob in knobs if knob.id == knob_id), None)


def pick_choice(knobs: Sequence[Knob], knob_id: str, said: str, agent: str) -> Choice:
    """The one choice that ``said`` means: its id, or its id or name in whatever case, or the only one that holds it.

    Raises `CommandRefused`, which names what there is.
    """
    knob = find_knob(knobs, knob_id)
    if knob is None:
        has = ", ".join(each.id for each in knobs)
        sentence = f"{agent} has no {knob_id} to choose" + (f"; it has: {has}." if has else ".")
        raise CommandRefused(sentence, code="no-knob")
    word = said.strip().casefold()
    for fitting in (
        [choice for choice in knob.choices if choice.value == said],
        [choice for choice in knob.choices if word in (choice.value.casefold(), choice.name.casefold())],
        [choice for choice in knob.choices if word and word in f"{choice.value}\n{choice.name}".casefold()],
    ):
        if len(fitting) == 1:
            return fitting[0]
    names = [choice.value for choice in knob.choices]
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    sentence = f"There is no {knob_id} {said!r}; there are: {', '.join(names[:_MOST_SHOWN])}{more}."
    raise CommandRefused(sentence, code="no-choice")


def explain_modes(knobs: Sequence[Knob], needs: Mapping[str, str]) -> tuple[Knob, ...]:
    """The same knobs, with what each mode needs."""
    return tuple(
        knob.model_copy(
            update={
                "choices": tuple(c.model_copy(update={"needs": needs.get(c.value, "")}) for c in knob.choices),
            }
        )
        if knob.id == MODE
        else knob
        for knob in knobs
    )


def keep_chosen(chosen: Mapping[str, str], knobs: Sequence[Knob]) -> tuple[list[tuple[str, str]], list[str]]:
    """What of the user's choices is to be set again, as (knob, value), and of which knobs it is not offered any more.

    The mode is left out: which one may be set is for `agent.policy.allows_mode` to say.
    """
    again: list[tuple[str, str]] = []
    lost: list[str] = []
    for knob_id, value in chosen.items():
        knob = find_knob(knobs, knob_id)
        if knob_id == MODE or (knob is not None and knob.value == value):
            continue
        if knob is None or value not in {choice.value for choice in knob.choices}:
            lost.append(knob_id)
        else:
            again.append((knob_id, value))
    return again, lost
