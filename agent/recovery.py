"""Taking a crashed turn up again by itself, where nobody sits in front of the session: how often, and what is said.

Pure. How often comes from the journal, so that a runner that crashes as well does not count anew.
"""

from itertools import takewhile
from typing import Literal

from agent.arrival import continuation
from agent.blocks import ToolBlock
from agent.events import Noted, Prompted
from agent.state import SessionState

Cause = Literal["agent", "runner", "reboot"]
"""What ended in mid-turn: the agent, the runner with it, or the machine with both."""

PAUSES = (1.0, 5.0, 30.0)
"""Seconds before each of the takings-up that are allowed within `WINDOW_SECONDS`."""
WINDOW_SECONDS = 3600.0

_TOLD_USER: dict[Cause, str] = {
    "agent": "{why}",
    "runner": "The runner ended in the middle of it, and the agent with it.",
    "reboot": "The machine was restarted.",
}
_TOLD_AGENT: dict[Cause, str] = {
    "agent": "your process ended unexpectedly and was started again.",
    "runner": "your process was ended unexpectedly and was started again.",
    "reboot": "the machine was restarted: nothing that you had started is running any more.",
}
_TOLD_STATUS = {"completed": "it was done", "failed": "it failed"}
_MOST_NAMED = 3
_LONGEST_NAME = 120
_CRASHED = frozenset({"crash", "error"})
_CUT = "your last turn was cut short by a failure, and this conversation may lack the end of it."
_UNSURE = "it was cut off, and may have run"


def pause_before(state: SessionState, now: float) -> float | None:
    """Seconds to wait before the turn is taken up again, or ``None`` if that was done too often; ``now`` in Unix time.

    A clock that went back makes them count for longer, never for less.
    """
    recent = sum(1 for at in state.recoveries if now - at < WINDOW_SECONDS)
    return PAUSES[recent] if recent < len(PAUSES) else None


def note_recovery(state: SessionState, cause: Cause, why: str = "") -> Noted:
    """What the user is told; ``why`` is a sentence on how the agent ended."""
    calls = name_calls(state)
    unsure = f" In flight then, and may have run: {calls}." if calls else ""
    text = f"{_TOLD_USER[cause].format(why=why)}{unsure} The agent is started again, and told so."
    return Noted(level="warning", text=text.strip(), recovered=cause)


def give_up(state: SessionState, cause: Cause, why: str = "") -> str:
    """Why the session waits for its user now."""
    times = len(state.recoveries)
    calls = name_calls(state)
    unsure = f" In flight then, and may have run: {calls}." if calls else ""
    last = _TOLD_USER[cause].format(why=why)
    return f"{last}{unsure} It was started again {times} times already: it waits until you resume it.".strip()


def recovery_prompt(state: SessionState, cause: Cause, prompt_id: str) -> Prompted:
    """What the agent is told; it comes before whatever else waits, which may rest on the interrupted turn."""
    text = f"Note from castoff: {_TOLD_AGENT[cause]} {continuation(state)}"
    return Prompted(prompt_id=prompt_id, text=text, source="castoff", ahead=True)


def recall(state: SessionState) -> str:
    """What an agent is told before the next prompt where a crash or an error cut its last turn short, else "".

    Agents write their record of a session behind their work: a crash takes the end of it, finished calls included.
    """
    turn = list(takewhile(lambda block: block.type != "prompt", reversed(state.blocks)))
    crashed = any(block.type == "turn" and block.stop_reason in _CRASHED for block in turn)
    calls = [block for block in turn if isinstance(block, ToolBlock)][:_MOST_NAMED]
    if state.interrupted_turn is None or not crashed or not calls:
        return ""
    named = "\n".join(f"- {_name(call)}: {_TOLD_STATUS.get(call.status, _UNSURE)}" for call in reversed(calls))
    return f"Note from castoff: {_CUT} The last calls that were seen:\n{named}"


def was_cut(state: SessionState) -> bool:
    """Whether a runner ended in the middle of a turn, or before it could say what becomes of one that was cut short."""
    if state.turn is not None:
        return True
    return state.interrupted_turn is not None and state.phase in ("working", "needs-input", "draining")


def has_work(state: SessionState) -> bool:
    """Whether a session that nothing drives now was at work, or has work waiting."""
    if state.phase in ("paused", "failed", "stopped", "drained"):
        return False
    return state.turn is not None or bool(state.queue) or state.phase in ("starting", "working", "needs-input")


def name_calls(state: SessionState) -> str:
    """The tool calls in flight when the turn was cut short, by their titles: an agent's words."""
    calls = [b for b in state.blocks if isinstance(b, ToolBlock) and b.call_id in state.interrupted_calls]
    named = ", ".join(map(_name, calls[:_MOST_NAMED]))
    more = len(calls) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _name(call: ToolBlock) -> str:
    return " ".join((call.title or call.call_id).split())[:_LONGEST_NAME]
