"""The empty transcript: what this is and what to press."""

from tui.drawing.lines import BLANK, Line, Span, fit_start, line, span, wrap

_KEYS = (
    ("Enter", "send what you typed; Ctrl+J begins a new line"),
    ("Ctrl+H", "cast off: the session goes on, on a machine of yours (also F8, /handoff, &)"),
    ("Ctrl+R", "the runs on all your hosts"),
    ("Ctrl+P", "every action, by name"),
    ("/", "commands"),
)


def draw_welcome(project: str, width: int) -> list[Line]:
    """Lines for a session in which nothing was said yet."""
    text = "Ask for something below. The agent works in this directory; you see every step, and it asks before it acts."
    where = [Span("castoff", "strong"), Span("  "), Span(fit_start(span(project).text, max(8, width - 10)), "muted")]
    out = [BLANK, Line(tuple(where)), BLANK, *wrap([Span(text)], min(width, 76)), BLANK]
    for key, what in _KEYS:
        out.extend(wrap([Span(what, "muted")], min(width, 84), first=line(Span(f"{key:<8}", "key"))))
    return out
