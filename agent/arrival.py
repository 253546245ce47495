"""What a session is told when it changes hands: left by the move, taken up by the runner's first start there."""

from itertools import takewhile
from pathlib import Path

from agent.arrival_check import ArrivalCheck, name_some, tell_agent, tell_user
from agent.blocks import PromptBlock
from agent.deeds import Rules
from agent.durable import read_model
from agent.events import (
    BriefAgreed,
    Budget,
    BudgetSet,
    Event,
    Frozen,
    Moved,
    Noted,
    PhaseChanged,
    Policy,
    PolicySet,
    Prompted,
    WatchSet,
)
from agent.sanitise import clean
from agent.sessions import SessionDir
from agent.state import SessionState
from agent.watch import Watch

_NAME = "arrival.json"
_UNSURE = " The last tool call was cut off and may have run: check before you repeat it."


class Arrival(Frozen):
    """How the session came here and how it shall go on. ``proceed``: take up an interrupted turn at once."""

    origin: str
    to: str
    files: int
    size: int
    seconds: float
    sandbox: str = ""
    same_path: bool = True
    say: str = ""
    proceed: bool = False
    budget: Budget | None = None
    policy: Policy | None = None
    rules: Rules | None = None
    watch: Watch | None = None
    brief: bool = False
    """Whether the user agreed that the session goes on by a brief where its agent cannot take it up."""
    stays: tuple[str, ...] = ()
    """What of the tree stayed where it comes from, by name."""
    check: ArrivalCheck | None = None
    """What was found on arrival, where anybody looked."""
    note: str = ""
    """What the move left to the user to settle."""
    tell: str = ""
    """What the agent has to know with its next prompt, where no prompt goes with the arrival."""


def arrival_path(session: SessionDir, epoch: int) -> Path:
    """Where the arrival at ``epoch`` is kept."""
    return session.move(epoch) / _NAME


def read_arrival(session: SessionDir, state: SessionState, epoch: int) -> Arrival | None:
    """The arrival at ``epoch`` if the journal does not know of it yet; raises `agent.errors.RecordDamaged`."""
    path = arrival_path(session, epoch)
    if state.arrived >= epoch or not path.exists():
        return None
    return read_model(path, Arrival)


def arrive(arrival: Arrival, state: SessionState, epoch: int) -> tuple[Event, ...]:
    """The events with which a session begins its life here; `Moved` comes last and says that all are there.

    Cut in between by a crash, they are told again, to no effect but the rest.
    """
    events: list[Event] = []
    if arrival.policy is not None:
        events.append(PolicySet(policy=arrival.policy, rules=arrival.rules))
    if arrival.budget is not None:
        events.append(BudgetSet(budget=arrival.budget))
    if arrival.watch is not None:
        events.append(WatchSet(watch=arrival.watch))
    if arrival.brief != state.brief_agreed:
        # Agreed to for this stay alone: on the way home the user is there to be asked.
        events.append(BriefAgreed(agreed=arrival.brief))
    text = _first_prompt(arrival, state)
    if text:
        events.append(Prompted(prompt_id=arrival_prompt_id(epoch), text=text, source="castoff", said=arrival.say))
    if arrival.check is not None and not _was_told(state, tell_user(arrival.check)):
        level = "warning" if arrival.check.missing or arrival.check.unknown else "info"
        events.append(Noted(level=level, text=tell_user(arrival.check)))
    if arrival.note and not _was_told(state, arrival.note):
        events.append(Noted(level="warning", text=arrival.note))
    if arrival.to == "here" and state.queue:
        # What a host says was asked of the agent has to be asked for on this machine too.
        waiting = "A prompt" if len(state.queue) == 1 else f"{len(state.queue)} prompts"
        detail = f"{waiting} that waited on {arrival.origin} came along; nothing is sent before you resume."
        events.append(PhaseChanged(phase="paused", detail=detail))
    moved = Moved(
        origin=arrival.origin,
        to=arrival.to,
        files=arrival.files,
        size=arrival.size,
        seconds=arrival.seconds,
        sandbox=arrival.sandbox,
        tell=_tell(arrival, state, said=bool(text)),
    )
    return (*events, moved)


def arrival_prompt_id(epoch: int) -> str:
    """The id of the prompt, if there is one, with which the session goes on at ``epoch``."""
    return f"arrival-{epoch}"


def _was_told(state: SessionState, note: str) -> bool:
    """Whether the journal has the note already since the last move."""
    since = takewhile(lambda block: block.type != "move", reversed(state.blocks))
    return any(block.type == "note" and block.text == note for block in since)


def _first_prompt(arrival: Arrival, state: SessionState) -> str:
    if arrival.say:
        return f"{describe(arrival)}\n\n{arrival.say}"
    if arrival.proceed and state.interrupted_turn is not None:
        return f"{describe(arrival)}\n\n{continuation(state)}"
    return ""


def _tell(arrival: Arrival, state: SessionState, *, said: bool) -> str:
    """What the agent hears with its next prompt; ``said``: the arrival has a prompt of its own."""
    unsure = _UNSURE if state.interrupted_calls else ""
    if arrival.to == "here":
        # What a host's journal says that the agent is to be told, it is not told here.
        return (arrival.tell or _describe_home(arrival)) + unsure
    note = "" if said else describe(arrival) + unsure
    return "\n\n".join(filter(None, (state.untold, arrival.tell, note)))


def _describe_home(arrival: Arrival) -> str:
    origin = clean(arrival.origin, single_line=True)
    return (
        f"Note from castoff: this session came home from {origin}. You now run on the user's own machine again, and "
        "the working tree came along. What you installed, started or wrote outside of it stayed there."
    )


def describe(arrival: Arrival) -> str:
    """The environment note: where the agent finds itself now, in words for the agent."""
    place = "at the same path" if arrival.same_path else "at another path: the current working directory"
    what = "The working tree came along"
    note = f"Note from castoff: you now run on another machine ({arrival.to}). {what}; the tree is {place}."
    if arrival.stays:
        note += f" Of the tree, this stayed on the other machine: {name_some(arrival.stays)}."
    return note + (tell_agent(arrival.check) if arrival.check is not None else "")


def continuation(state: SessionState) -> str:
    """The prompt that takes up an interrupted turn, in words for the agent.

    A prompt that nothing of the agent followed may never have reached it, and is quoted.
    """
    unheard = _unheard(state)
    quoted = f" You may not have been given the last prompt. It was:\n\n{unheard}" if unheard else ""
    return "Please continue where you stopped." + (_UNSURE if state.interrupted_calls else "") + quoted


def _unheard(state: SessionState) -> str:
    """The interrupted turn's prompt, if the agent showed no sign of it."""
    since = list(takewhile(lambda block: block.type != "prompt", reversed(state.blocks)))
    if state.interrupted_turn is None or any(block.type in ("text", "thought", "tool") for block in since):
        return ""
    prompt = next((b for b in reversed(state.blocks) if isinstance(b, PromptBlock)), None)
    return prompt.text if prompt is not None and prompt.prompt_id == state.interrupted_turn else ""
