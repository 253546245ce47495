"""The session's state: everything a viewer shows of a session. `agent.fold.advance` is the only way one comes about."""

from agent.blocks import AnyBlock, PermissionBlock
from agent.deeds import NO_RULES, Rules
from agent.events import AgentCommand, Budget, Frozen, Judged, Notified, Phase, PlanEntry, Policy, Prompted
from agent.knobs import Knob
from agent.steps import Step
from agent.watch import Watch


class Usage(Frozen):
    """What the session has used so far; ``None`` where the agent does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    unpriced: bool = False
    """Whether the cost is only what is known of it: something was used besides whose price is unknown."""
    context_used: int | None = None
    context_size: int | None = None


class SessionState(Frozen):
    """Everything a viewer shows of a session, as of the event ``head_seq``."""

    head_seq: int = 0
    epoch: int = 0
    at: float = 0.0
    phase: Phase = "starting"
    detail: str = ""
    blocks: tuple[AnyBlock, ...] = ()
    plan: tuple[PlanEntry, ...] = ()
    steps: tuple[Step, ...] = ()
    """The plan's steps over time, in its order."""
    queue: tuple[Prompted, ...] = ()
    """Prompts that wait for their turn, oldest first."""
    commands: tuple[AgentCommand, ...] = ()
    """The agent's own commands."""
    turn: str | None = None
    """The prompt that the agent works on."""
    turns: int = 0
    """Turns started since the session began."""
    tool_calls: int = 0
    """Tool calls made since the session began."""
    questions: tuple[PermissionBlock, ...] = ()
    """Open permission questions, oldest first."""
    running: tuple[str, ...] = ()
    """Ids of tool calls that have begun and not ended."""
    usage: Usage = Usage()
    costs: tuple[tuple[float, float], ...] = ()
    """What had been spent in all, in dollars, at some Unix times: a few hundred at most, however long it runs."""
    deliveries: tuple[Notified, ...] = ()
    """What became of notifications, newest last; no more than 100."""
    knobs: tuple[Knob, ...] = ()
    """What the agent lets its user choose, as it stands."""
    chosen: tuple[tuple[str, str], ...] = ()
    """What the user chose of that, by knob."""
    policy: Policy = "ask"
    rules: Rules = NO_RULES
    """What is asked for or refused whatever the policy says."""
    budget: Budget = Budget()
    watch: Watch = Watch()
    verdicts: tuple[Judged, ...] = ()
    """What the watch found, newest last; no more than 50."""
    excused: frozenset[str] = frozenset()
    """What was found to be fine, as in `agent.watch.Watch.fine`."""
    human_at: float = 0.0
    """When a human was last heard of (Unix time, by the clock of the machine that heard it); 0: never."""
    budget_base: Usage = Usage()
    """What had been used when the budget was set."""
    budget_turns: int = 0
    """Turns that had been started when the budget was set."""
    budget_calls: int = 0
    """Tool calls that had been made when the budget was set."""
    budget_marks: tuple[tuple[str, int], ...] = ()
    """Limits, by their fields, and the percent of them that the user was told of."""
    budget_at: float = 0.0
    """When the budget was set: Unix time, by the clock of the machine that the session is on. Moves take none of it."""
    agent: str = ""
    agent_version: str = ""
    agent_session_id: str = ""
    location: str = "here"
    """The host the session lives on, or ``here`` for the machine it began on."""
    untold: str = ""
    """What the agent was not told yet of the last move; it comes with the next prompt that `carries_note`."""
    brief: str = ""
    """What the agent's new conversation has to begin with and was not told yet; it comes with the next prompt that
    `carries_note`."""
    brief_agreed: bool = False
    """Whether the session may go on by a brief where the agent cannot take it up itself."""
    begun: Usage = Usage()
    """What had been used when the agent's own conversation began."""
    lossy: bool = False
    """Whether the agent's conversation began with a brief: it knows what was before from that alone."""
    arrived: int = 0
    """The epoch of the last move that the journal tells of."""
    interrupted_turn: str | None = None
    """The prompt whose turn a drain, the budget, an error or a crash cut short, and that nothing has taken up since."""
    interrupted_calls: tuple[str, ...] = ()
    """Ids of the tool calls in flight then: they may have run."""
    recoveries: tuple[float, ...] = ()
    """When (Unix time) crashed turns were taken up again by themselves, since work last went well or a human looked."""


def carries_note(text: str) -> bool:
    """Whether a note can be put before a prompt: to agents a slash at its very beginning makes it a command."""
    return not text.startswith("/")
