"""Hypothesis strategies for events."""

from hypothesis import strategies as st

from agent import events
from agent.events import AnyEvent
from agent.knobs import Knob

IDS = st.sampled_from(["a", "b", "c"])
WORDS = st.text(max_size=8)
TOKENS = st.none() | st.integers(0, 1000)
DOLLARS = st.none() | st.floats(0, 10)
STATUS = st.none() | st.sampled_from(["pending", "in_progress", "completed", "failed"])
REASONS = st.sampled_from(["end_turn", "cancelled", "drained", "budget", "error", "crash"])
OPTIONS = (events.PermissionOption(option_id="yes", name="Yes", kind="allow_once"),)
CONTENT = st.none() | st.lists(st.builds(events.TextContent, text=WORDS), max_size=2).map(tuple)

KNOBS = st.builds(Knob, id=IDS, name=WORDS, value=IDS, choices=st.just(()))

KINDS: tuple[st.SearchStrategy[AnyEvent], ...] = (
    st.builds(events.Prompted, prompt_id=IDS, text=WORDS),
    st.builds(events.TurnStarted, prompt_id=IDS),
    st.builds(events.TurnEnded, prompt_id=IDS, stop_reason=REASONS, detail=WORDS),
    st.builds(events.Text, text=WORDS),
    st.builds(events.Thought, text=WORDS),
    st.builds(events.ToolCalled, call_id=IDS, title=st.none() | WORDS, status=STATUS, content=CONTENT),
    st.builds(events.Planned, entries=st.lists(st.builds(events.PlanEntry, content=WORDS), max_size=2).map(tuple)),
    st.builds(events.PermissionAsked, request_id=IDS, call_id=IDS, options=st.just(OPTIONS)),
    st.builds(events.PermissionAnswered, request_id=IDS, option_id=st.none() | st.just("yes"), by=st.just("user")),
    st.builds(events.Used, input_tokens=TOKENS, output_tokens=TOKENS, cost_usd=DOLLARS, context_used=TOKENS),
    st.builds(events.PhaseChanged, phase=st.sampled_from(["idle", "working", "paused", "drained"]), detail=WORDS),
    st.builds(events.AgentStarted, agent=WORDS, agent_session_id=IDS, resumed=st.just("new")),
    st.builds(events.Offered, knobs=st.lists(KNOBS, max_size=2).map(tuple)),
    st.builds(events.Chosen, knob=IDS, value=IDS | st.just(""), by=st.sampled_from(["user", "castoff"])),
    st.builds(events.PolicySet, policy=st.sampled_from(["ask", "accept-all"])),
    st.builds(events.BudgetSet, budget=st.builds(events.Budget, max_usd=DOLLARS)),
    st.builds(events.Moved, origin=WORDS, to=WORDS, files=st.just(1), size=st.just(2), seconds=st.just(0.5)),
    st.builds(events.Noted, text=WORDS),
)


def _number(unnumbered: list[AnyEvent], epochs: list[int]) -> list[AnyEvent]:
    """Stamp events as a journal would, save that epochs come in any order."""
    return [
        e.model_copy(update={"seq": n, "at": float(n), "epoch": epochs[n - 1]}) for n, e in enumerate(unnumbered, 1)
    ]


def event_lists(max_size: int = 30) -> st.SearchStrategy[list[AnyEvent]]:
    """Lists of events, numbered from 1."""
    epochs = st.lists(st.integers(1, 3), min_size=max_size, max_size=max_size)
    return st.builds(_number, st.lists(st.one_of(KINDS), max_size=max_size), epochs)
