"""A session's events as running text, for people: what the agent says as it comes, one line for everything else."""

from agent.events import (
    AgentStarted,
    AnyEvent,
    Chosen,
    DiffContent,
    Moved,
    Noted,
    PermissionAnswered,
    PermissionAsked,
    PhaseChanged,
    Planned,
    Prompted,
    SetupEnded,
    SetupPrinted,
    SetupStarted,
    Text,
    Thought,
    ToolCalled,
    TurnEnded,
)
from agent.sanitise import clean
from tui.cli.output import Output

_MARKS = {"completed": "x", "in_progress": ">", "pending": " "}
_QUIET_PHASES = ("starting", "working")


class Narrator:
    """Prints events in order.

    Remembers only whether a line of streamed text is open, tool titles by call, and why the last turn ended.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._streaming: type[Text | Thought | SetupPrinted] | None = None
        self._titles: dict[str, str] = {}
        self._told = ""

    def take(self, event: AnyEvent) -> None:
        """Print one event, if it says something to people."""
        if isinstance(event, Text | Thought | SetupPrinted):
            self._stream(event)
            return
        line, style = self._line(event)
        if line:
            self.end()
            self._out.say(line, style)

    def end(self) -> None:
        """End the open line, if there is one."""
        if self._streaming is not None:
            self._out.say("")
            self._streaming = None

    def _stream(self, event: Text | Thought | SetupPrinted) -> None:
        if self._streaming is not type(event):
            self.end()
            self._streaming = type(event)
        self._out.write(event.text, "" if isinstance(event, Text) else "dim")

    def _line(self, event: AnyEvent) -> tuple[str, str]:
        match event:
            case Prompted():
                return f"\n> {event.text}", "bold"
            case ToolCalled():
                return self._tool(event), "cyan"
            case Planned():
                return "\n".join(f"  [{_MARKS[e.status]}] {_one_line(e.content)}" for e in event.entries), ""
            case PermissionAsked():
                options = " · ".join(_one_line(f"{o.option_id} ({o.name})") for o in event.options)
                return f"? {self._titles.get(event.call_id) or 'The agent asks for leave'}: {options}", "bold yellow"
            case PermissionAnswered():
                return f"  answered: {event.option_id or 'withdrawn'} (by {event.by})", ""
            case TurnEnded():
                self._told = event.detail
                return _narrate_rest(event)
            case PhaseChanged() if event.detail == self._told:
                return _narrate_rest(event.model_copy(update={"detail": ""}))
            case _:
                return _narrate_rest(event)

    def _tool(self, event: ToolCalled) -> str:
        if event.title:
            self._titles[event.call_id] = _one_line(event.title)
        title = self._titles.get(event.call_id, _one_line(event.call_id))
        changed = "".join(f"  {_one_line(c.path)}" for c in event.content or () if isinstance(c, DiffContent))
        if event.status in ("completed", "failed"):
            return f"* {title}: {event.status}{changed}"
        return f"* {title}" if event.title else ""


def _one_line(text: str) -> str:
    """An agent's text that is one line of ours: with a line break it could pass for the next one."""
    return clean(text, single_line=True)


def _narrate_rest(event: AnyEvent) -> tuple[str, str]:
    match event:
        case TurnEnded() if event.stop_reason not in ("end_turn", "drained"):
            return f"-- turn ended: {event.stop_reason}. {event.detail}".rstrip(), "yellow"
        case PhaseChanged() if event.phase not in _QUIET_PHASES:
            return f"-- {event.phase}{'. ' if event.detail else ''}{event.detail}", "dim"
        case AgentStarted():
            verb = "starts" if event.resumed == "new" else f"continues ({event.resumed})"
            verb = "continues from a brief (lossy)" if event.lossy else verb
            return f"-- {event.agent} {event.version} {verb}{f' on {event.host}' if event.host else ''}", "dim"
        case Moved():
            return f"-- moved from {event.origin} to {event.to}: {event.files} files, {event.seconds:.1f} s", "bold"
        case SetupStarted():
            return f"* setup {event.number} of {event.total}: {_one_line(event.command)}", "cyan"
        case SetupEnded():
            ended = event.detail if event.status is None else f"status {event.status}"
            return f"* setup: {ended}", "cyan" if event.status == 0 else "yellow"
        case Chosen() if event.value:
            return f"-- {_one_line(f'{event.knob}: {event.value}')}", "dim"
        case Noted():
            return f"-- {event.text}", "yellow" if event.level != "info" else "dim"
        case _:
            return "", ""
