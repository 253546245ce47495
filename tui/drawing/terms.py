"""The terms of a handoff that are chosen by keys: policy, a brief, and the least level of the sandbox."""

from agent.events import Policy
from remote.levels import Need
from tui.drawing.lines import Line, Span, pad, spread
from tui.keymap import shown_key

_LABEL = 10
_POLICIES: dict[Policy, str] = {
    "ask": "ask: it waits for you at every step that needs leave",
    "accept-edits": "accept edits: it asks before it runs commands",
    "accept-all": "accept all: it never waits for you",
}
_NEEDS: dict[Need, str] = {
    "open": "at least open: its own files and processes, or nothing",
    "full": "at least full: and no network but its list, or nothing",
}


def draw_terms(policy: Policy, need: Need, width: int, *, brief: bool) -> list[Line]:
    """A row each; the level only where one is asked for here."""
    instead = "begin anew from a brief (lossy)" if brief else "come back"
    out = [
        _row("Policy", _POLICIES[policy], "handoff.policy", width),
        _row("Brief", f"if the agent cannot take its session up there: {instead}", "handoff.brief", width),
    ]
    return [*out, _row("Level", _NEEDS[need], "handoff.level", width)] if need in _NEEDS else out


def _row(label: str, words: str, binding: str, width: int) -> Line:
    key = [Span(shown_key(binding), "key"), Span(" change", "muted")]
    return spread([Span(pad(label, _LABEL), "muted"), Span(words)], key, width)
