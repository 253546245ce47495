"""The control protocol between a viewer and a runner: newline-delimited JSON, one model per message.

A viewer says `Hello`; the runner answers `Welcome` and then sends `Occurred` for every event after
``after_seq``, first those it has, then live ones, with a `Heartbeat` every few seconds. Commands carry
an id and are answered by `Done` or `Refused`.

The two may be of different versions: a run keeps the version it was started with until it ends. Both sides ignore
fields they do not know; a viewer passes over messages and events of a kind it does not know, a runner refuses such
commands by their id. What a message means changes only with `VERSION`: the newest one that both speak is spoken.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter

from agent.deeds import Rules
from agent.events import AnyEvent, Budget, Frozen, Phase, Policy
from agent.frozen import LATE

OLDEST = 1
"""The oldest protocol that this version still speaks."""
VERSION = 1
"""The newest."""
HEARTBEAT_SECONDS = 3.0


class Hello(Frozen):
    """First message of a viewer: the oldest and the newest protocol that it speaks, and the last seq it holds."""

    type: Literal["hello"] = "hello"
    version: int = OLDEST
    newest: int = VERSION
    after_seq: int = Field(default=0, ge=0)


class Prompt(Frozen):
    """Queue a prompt."""

    type: Literal["prompt"] = "prompt"
    id: str
    text: str


class TakeBack(Frozen):
    """Take a prompt out of the queue again; refused once the agent works on it."""

    type: Literal["take_back"] = "take_back"
    id: str
    prompt_id: str


class Interrupt(Frozen):
    """Cancel the turn in progress; the session goes on."""

    type: Literal["interrupt"] = "interrupt"
    id: str


class Answer(Frozen):
    """Answer the permission question ``request_id`` with one of its options."""

    type: Literal["answer"] = "answer"
    id: str
    request_id: str
    option_id: str


class SetPolicy(Frozen):
    """Change the permission policy, and the rules by classes of action unless they are ``None``."""

    type: Literal["set_policy"] = "set_policy"
    id: str
    policy: Policy
    rules: Rules | None = None


class Choose(Frozen):
    """Turn one of the agent's knobs, e.g. ``model``, to a value: its id, its name, or a part that only one has."""

    type: Literal["choose"] = "choose"
    id: str
    knob: str
    value: str


class SetBudget(Frozen):
    """Change the budget."""

    type: Literal["set_budget"] = "set_budget"
    id: str
    budget: Budget


class Extend(Frozen):
    """Grant the budget once more, counted from now, and go on if that was what the session waited for."""

    type: Literal["extend"] = "extend"
    id: str


class Excuse(Frozen):
    """Say that the matter of a verdict is fine, and go on if that was what the session waited for."""

    type: Literal["excuse"] = "excuse"
    id: str
    rule: str
    key: str = ""


class Pause(Frozen):
    """End the turn in progress, and wait for the user."""

    type: Literal["pause"] = "pause"
    id: str


class Resume(Frozen):
    """Go on after a pause. ``brief``: by a brief, where the agent cannot take its session up."""

    type: Literal["resume"] = "resume"
    id: str
    brief: bool = False


class Drain(Frozen):
    """Stop at a safe tool boundary, or after ``deadline`` seconds; then the runner ends. Answered when drained."""

    type: Literal["drain"] = "drain"
    id: str
    deadline: float = 20.0


class Stop(Frozen):
    """End the agent and the runner."""

    type: Literal["stop"] = "stop"
    id: str


Command = (
    Prompt
    | TakeBack
    | Interrupt
    | Answer
    | SetPolicy
    | Choose
    | SetBudget
    | Extend
    | Excuse
    | Pause
    | Resume
    | Drain
    | Stop
)
ClientMessage = Annotated[Hello | Command, Field(discriminator="type")]
CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage, config=LATE)


class Named(Frozen):
    """What can be read of a command of any version."""

    type: str
    id: str


def choose_version(hello: Hello) -> int | None:
    """The newest protocol that the viewer and this side both speak; ``None`` if there is none."""
    # A viewer from before there was `newest` speaks one.
    newest = hello.newest if "newest" in hello.model_fields_set else hello.version
    chosen = min(newest, VERSION)
    return chosen if chosen >= max(hello.version, OLDEST) else None


class Welcome(Frozen):
    """Answer to `Hello`: what the runner is, which protocol is spoken, and how far its journal goes."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    session_id: str
    epoch: int
    head_seq: int
    phase: Phase


class Occurred(Frozen):
    """One event of the journal."""

    type: Literal["event"] = "event"
    event: AnyEvent


class Heartbeat(Frozen):
    """The runner lives; its journal ends at ``head_seq``."""

    type: Literal["heartbeat"] = "heartbeat"
    head_seq: int
    epoch: int
    phase: Phase


class Done(Frozen):
    """Command ``id`` was carried out."""

    type: Literal["ok"] = "ok"
    id: str


class Refused(Frozen):
    """Command ``id`` was not carried out; ``code`` for programs, ``reason`` a sentence for the user."""

    type: Literal["error"] = "error"
    id: str
    code: str
    reason: str


_Known = Annotated[Welcome | Occurred | Heartbeat | Done | Refused, Field(discriminator="type")]
_TYPES = frozenset(get_args(each.model_fields["type"].annotation)[0] for each in get_args(get_args(_Known)[0]))


def _check_other(kind: str) -> str:
    if kind in _TYPES:
        raise ValueError(f"this is not a whole message of the type {kind!r}")
    return kind


class Other(Frozen):
    """A message of a type that only newer runners send: passed over."""

    type: Annotated[str, AfterValidator(_check_other)]


ServerMessage = Annotated[_Known | Other, Field(union_mode="left_to_right")]
SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage, config=LATE)
