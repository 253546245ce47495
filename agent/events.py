"""The journal's events: frozen records, one class per kind, told apart by ``kind``.

An event is what happened, in the past tense, with the facts a reader needs and nothing derived from
earlier events. Everything shown anywhere is a fold of these (`agent.fold`).
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, TypeAdapter

from agent.deeds import Rules
from agent.frozen import LATE, Frozen
from agent.knobs import Knob
from agent.watch import Watch

Policy = Literal["ask", "accept-edits", "accept-all"]
PlanStatus = Literal["pending", "in_progress", "completed"]
ToolStatus = Literal["pending", "in_progress", "completed", "failed"]
ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "switch_mode", "other"]
OptionKind = Literal["allow_once", "allow_always", "reject_once", "reject_always"]
ResumeKind = Literal["new", "resume", "load"]


class Event(Frozen):
    """What all events share. ``seq`` counts from 1 without gaps; ``at`` is Unix time in seconds, for display."""

    seq: int = 0
    at: float = 0.0
    epoch: int = 0


class Prompted(Event):
    """A prompt was accepted into the queue. ``source`` is who wrote it: the user, or castoff itself."""

    kind: Literal["prompt"] = "prompt"
    prompt_id: str
    text: str
    source: Literal["user", "castoff"] = "user"
    said: str = ""
    """The user's own words in it, where castoff wrote the rest."""
    ahead: bool = False
    """Whether it goes before those that wait already."""


class TakenBack(Event):
    """The user took back a prompt that waited in the queue."""

    kind: Literal["taken_back"] = "taken_back"
    prompt_id: str


class TurnStarted(Event):
    """The agent began to work on a prompt."""

    kind: Literal["turn_started"] = "turn_started"
    prompt_id: str


class TurnEnded(Event):
    """A turn ended. ``stop_reason`` is ACP's; or ``drained``, ``budget`` or ``watch``: castoff cut it short; or with a
    sentence in ``detail`` ``error``: the agent failed, ``crash``: the runner ended in mid-turn."""

    kind: Literal["turn_ended"] = "turn_ended"
    prompt_id: str
    stop_reason: str
    detail: str = ""


class Text(Event):
    """A piece of the agent's message; consecutive pieces belong together."""

    kind: Literal["text"] = "text"
    text: str


class Thought(Event):
    """A piece of the agent's thinking; consecutive pieces belong together."""

    kind: Literal["thought"] = "thought"
    text: str


class Location(Frozen):
    """A file, by absolute path, and a line counted from 1 where known, that a tool call touches."""

    path: str
    line: int | None = None


class DiffContent(Frozen):
    """A file's text before (``None``: the file is new) and after an edit."""

    type: Literal["diff"] = "diff"
    path: str
    old_text: str | None = None
    new_text: str


class TextContent(Frozen):
    """Text that a tool call shows, e.g. a command's output."""

    type: Literal["text"] = "text"
    text: str


ToolContent = Annotated[DiffContent | TextContent, Field(discriminator="type")]


class ToolCalled(Event):
    """A tool call was first seen or changed; a field that is ``None`` is unchanged. Upsert by ``call_id``."""

    kind: Literal["tool_call"] = "tool_call"
    call_id: str
    title: str | None = None
    tool_kind: ToolKind | None = None
    status: ToolStatus | None = None
    locations: tuple[Location, ...] | None = None
    content: tuple[ToolContent, ...] | None = None
    raw_input: JsonValue = None


class PlanEntry(Frozen):
    """One step of the agent's plan."""

    content: str
    status: PlanStatus = "pending"
    priority: Literal["high", "medium", "low"] = "medium"


class Planned(Event):
    """The agent's whole plan, replacing the one before."""

    kind: Literal["plan"] = "plan"
    entries: tuple[PlanEntry, ...]


class PermissionOption(Frozen):
    """One answer that the agent offers to its question."""

    option_id: str
    name: str
    kind: OptionKind


class PermissionAsked(Event):
    """The agent asked leave for the tool call ``call_id`` and waits."""

    kind: Literal["permission_asked"] = "permission_asked"
    request_id: str
    call_id: str
    options: tuple[PermissionOption, ...]


class PermissionAnswered(Event):
    """A question was answered; ``option_id`` is ``None`` when it was cancelled unanswered."""

    kind: Literal["permission_answered"] = "permission_answered"
    request_id: str
    option_id: str | None
    by: Literal["user", "policy", "cancel"]


class Used(Event):
    """What the session has used since it began, over all turns, processes and hosts. ``None``: nothing is said."""

    kind: Literal["usage"] = "usage"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    unpriced: bool = False
    """Whether something was used of which no cost is known: then ``cost_usd``, also an earlier one, is not all."""
    context_used: int | None = None
    context_size: int | None = None
    source: Literal["agent", "proxy"] = "agent"
    """Who says it: the agent, or the gate of its sandbox, from the model's own answers."""


Phase = Literal[
    "starting", "idle", "working", "needs-input", "draining", "drained", "paused", "finished", "failed", "stopped"
]


class PhaseChanged(Event):
    """The session came into another phase. ``detail`` is a sentence for the user where one helps."""

    kind: Literal["phase"] = "phase"
    phase: Phase
    detail: str = ""


class AgentStarted(Event):
    """An agent process answered and has the session open under its own id."""

    kind: Literal["agent_started"] = "agent_started"
    agent: str
    version: str = ""
    agent_session_id: str
    resumed: ResumeKind
    host: str = ""
    lossy: bool = False
    """Whether the conversation was begun anew, and what came before is known to the agent from a brief only."""


class Briefed(Event):
    """The agent that just began anew is to be told of everything before by ``text``, with its next prompt. ``why``: a
    sentence for the user."""

    kind: Literal["brief"] = "brief"
    text: str
    why: str


class BriefAgreed(Event):
    """The user said whether the session may go on by a brief where the agent cannot take it up itself."""

    kind: Literal["brief_agreed"] = "brief_agreed"
    agreed: bool


class AgentCommand(Frozen):
    """A command of the agent's own: ``/name`` at the beginning of a prompt; ``hint`` says what may follow it."""

    name: str
    what: str = ""
    hint: str = ""


class CommandsListed(Event):
    """The agent said which commands it has: all of them, each time."""

    kind: Literal["commands"] = "commands"
    commands: tuple[AgentCommand, ...]


class Offered(Event):
    """The agent said what its user can choose, and what it has now: all of it, each time."""

    kind: Literal["offered"] = "offered"
    knobs: tuple[Knob, ...]


class Chosen(Event):
    """A value was chosen for the agent's ``knob``, to be kept from now on; "" leaves it to the agent again.

    ``by`` castoff: what was chosen could not be kept.
    """

    kind: Literal["chosen"] = "chosen"
    knob: str
    value: str
    by: Literal["user", "castoff"] = "user"


class PolicySet(Event):
    """The permission policy was chosen, and rules by classes of action; ``None`` leaves those as they are."""

    kind: Literal["policy"] = "policy"
    policy: Policy
    rules: Rules | None = None


class Budget(Frozen):
    """Limits of a run; ``None`` is no limit. A turn is one prompt turn as ACP defines it."""

    max_usd: float | None = None
    max_turns: int | None = None
    max_minutes: float | None = None
    max_tokens: int | None = None
    """Read and written by the model, together."""
    max_tool_calls: int | None = None


class BudgetSet(Event):
    """The budget was chosen; it counts from this event on."""

    kind: Literal["budget"] = "budget"
    budget: Budget


class BudgetMarked(Event):
    """So many percent of a limit of the budget are used: ``share`` is one of `agent.budget.MARKS`."""

    kind: Literal["budget_mark"] = "budget_mark"
    limit: str
    """The limit's field in `Budget`, or `agent.daybook.DAILY` for that of all runs of the machine."""
    share: int
    text: str
    """A sentence for the user."""


class BudgetTimed(Event):
    """So many seconds the budget has been in force, by a clock that nobody sets: said where a runner ends."""

    kind: Literal["budget_time"] = "budget_time"
    seconds: float


class WatchSet(Event):
    """By what the run is watched was chosen."""

    kind: Literal["watch"] = "watch"
    watch: Watch


class Judged(Event):
    """The watch found something. ``rule`` is a field of `agent.watch.Watch`, ``key`` what it was found in: together
    they are what `Excused` names. ``level``: the user is told, the agent is told as well, or the run is paused."""

    kind: Literal["verdict"] = "verdict"
    rule: str
    level: Literal["told", "nudge", "pause"]
    key: str = ""
    evidence: str
    """A sentence."""
    calls: tuple[int, ...] = ()
    """The seqs of the first events of the tool calls that it is about."""


class Excused(Event):
    """The user said that a verdict's matter was fine."""

    kind: Literal["excused"] = "excused"
    rule: str
    key: str = ""


class Moved(Event):
    """The session arrived at ``to`` (a host's name, or ``here``) from ``origin``, with what the move carried."""

    kind: Literal["moved"] = "moved"
    origin: str
    to: str
    files: int
    size: int
    seconds: float
    sandbox: str = ""
    tell: str = ""
    """What the agent has to know of it, said with its next prompt."""


class SetupStarted(Event):
    """A setup command of the project began to run here, the ``number``th of ``total``."""

    kind: Literal["setup_started"] = "setup_started"
    command: str
    number: int
    total: int


class SetupPrinted(Event):
    """A piece of what the setup command printed, standard output and error as they came."""

    kind: Literal["setup_printed"] = "setup_printed"
    text: str


class SetupEnded(Event):
    """The setup command ended with the exit ``status`` (negative: a signal); ``None`` if it has none.

    ``stopped``: somebody interrupted it, or the session was to move.
    """

    kind: Literal["setup_ended"] = "setup_ended"
    status: int | None
    detail: str = ""
    """A sentence where the status does not say it: why it was ended, or could not start."""
    stopped: bool = False


class Notified(Event):
    """A notification was handed to a channel, or could not be. ``channel`` is masked."""

    kind: Literal["notified"] = "notified"
    notification_id: str
    about: str
    """What it tells: `remote.notification.About`, to which newer versions add."""
    channel: str
    ok: bool
    detail: str = ""


class Noted(Event):
    """One sentence for the user from castoff itself."""

    kind: Literal["note"] = "note"
    level: Literal["info", "warning", "error"] = "info"
    text: str
    recovered: Literal["", "agent", "runner", "reboot"] = ""
    """What had ended in mid-turn, where the note says that the turn is taken up again by itself."""


_KnownEvent = Annotated[
    Prompted
    | TakenBack
    | TurnStarted
    | TurnEnded
    | Text
    | Thought
    | ToolCalled
    | Planned
    | PermissionAsked
    | PermissionAnswered
    | Used
    | PhaseChanged
    | AgentStarted
    | CommandsListed
    | Briefed
    | BriefAgreed
    | Offered
    | Chosen
    | PolicySet
    | BudgetSet
    | BudgetMarked
    | BudgetTimed
    | WatchSet
    | Judged
    | Excused
    | Moved
    | SetupStarted
    | SetupPrinted
    | SetupEnded
    | Notified
    | Noted,
    Field(discriminator="kind"),
]


def _check_unknown(kind: str) -> str:
    if kind in KINDS:
        raise ValueError(f"this is not a whole event of the kind {kind!r}")
    return kind


class Unknown(Event):
    """An event of a kind that only newer versions know: kept with all its fields, shown to nobody, folded into nothing.

    What a known kind means never changes: a newer version that has more to say adds fields, or a kind.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    kind: Annotated[str, AfterValidator(_check_unknown)]


AnyEvent = Annotated[_KnownEvent | Unknown, Field(union_mode="left_to_right")]

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent, config=LATE)
"""Parses one event from JSON; raises `pydantic.ValidationError` for anything else."""
KINDS = frozenset(get_args(each.model_fields["kind"].annotation)[0] for each in get_args(get_args(_KnownEvent)[0]))
"""All kinds that this version knows."""
