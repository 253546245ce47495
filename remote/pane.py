"""The run as readable text: what the host's tmux pane shows, a useful last resort without castoff."""

import contextlib
import sys
import time

from agent.events import (
    AgentStarted,
    AnyEvent,
    Moved,
    Noted,
    Notified,
    PermissionAsked,
    PhaseChanged,
    Planned,
    SetupEnded,
    SetupPrinted,
    SetupStarted,
    Text,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from agent.sanitise import clean
from agent.state import SessionState

_MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}


def print_event(event: AnyEvent, state: SessionState) -> None:
    """Print one event as text for a person; agents' words pass the sanitiser."""
    line = _describe(event, state)
    if line:
        stamp = time.strftime("%H:%M:%S", time.localtime(event.at))
        # The terminal may be gone; the run goes on, and whoever looks reads the journal.
        with contextlib.suppress(OSError):
            sys.stdout.write(f"{stamp} {line}\n")
            sys.stdout.flush()


def _describe(event: AnyEvent, state: SessionState) -> str:
    match event:
        case TurnStarted():
            block = next((b for b in reversed(state.blocks) if b.type == "prompt"), None)
            return f"prompt: {clean(block.text)}" if block else ""
        case Text():
            return clean(event.text)
        case ToolCalled():
            return _tool(event, state)
        case Planned():
            return "plan: " + "; ".join(
                f"{_MARKS[e.status]} {clean(e.content, single_line=True)}" for e in event.entries
            )
        case PermissionAsked():
            return "needs input: " + " / ".join(clean(o.name, single_line=True) for o in event.options)
        case TurnEnded():
            return f"turn ended: {clean(event.stop_reason)} {clean(event.detail)}".rstrip()
        case PhaseChanged():
            last = state.blocks[-1] if state.blocks else None
            told = last is not None and last.type == "turn" and last.detail == event.detail
            return f"-- {event.phase} {'' if told else clean(event.detail)}".rstrip()
        case AgentStarted():
            how = "from a brief, lossy" if event.lossy else event.resumed
            return f"agent {clean(event.agent)} {clean(event.version)} ({how})"
        case Moved():
            return f"-- moved from {clean(event.origin)} to {clean(event.to)}: {event.files} files"
        case SetupStarted():
            return f"setup {event.number} of {event.total}: {clean(event.command, single_line=True)}"
        case SetupPrinted():
            return clean(event.text).rstrip()
        case SetupEnded():
            return f"setup ended: {clean(event.detail) if event.status is None else f'status {event.status}'}"
        case Notified():
            return f"notified ({event.about}) {clean(event.channel)}: {'ok' if event.ok else clean(event.detail)}"
        case Noted():
            return f"note: {clean(event.text)}"
        case _:
            return ""


def _tool(event: ToolCalled, state: SessionState) -> str:
    if event.status not in ("completed", "failed"):
        return ""
    block = next((b for b in reversed(state.blocks) if b.type == "tool" and b.call_id == event.call_id), None)
    title = block.title if block else event.call_id
    return f"{event.status}: {clean(title, single_line=True)}"
