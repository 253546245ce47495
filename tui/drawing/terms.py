"""The terms of a handoff that are chosen by keys: policy, and the least level of the sandbox."""

from agent.events import Policy
from remote.levels import Need
from tui.drawing.lines import Line, Span, pad, spread

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


def draw_terms(policy: Policy, need: Need, width: int) -> list[Line]:
    """A row each; the level only where one is asked for here."""
    out = [_row("Policy", _POLICIES[policy], "F5", width)]
    return [*out, _row("Level", _NEEDS[need], "Ctrl+T", width)] if need in _NEEDS else out


def _row(label: str, words: str, key: str, width: int) -> Line:
    return spread([Span(pad(label, _LABEL), "muted"), Span(words)], [Span(key, "key"), Span(" change", "muted")], width)
