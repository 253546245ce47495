"""The composer's commands: ``/name`` with what follows it, and ``&`` for a handoff with a last word."""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from agent.events import Budget, Policy
from tui.drawing.lines import Line, Span, pad, wrap


class Command(NamedTuple):
    """One command: its name, what may follow, and what it does."""

    name: str
    takes: str
    what: str


COMMANDS: tuple[Command, ...] = (
    Command("handoff", "[HOST]", "cast this session off to a host (also & and a last word)"),
    Command("runs", "", "the runs on all hosts"),
    Command("hosts", "", "your hosts, and what they have"),
    Command("pull", "", "take this run home"),
    Command("terminal", "", "this run's own terminal on its host; q there goes back"),
    Command("policy", "ask | accept-edits | accept-all", "what the agent may do without asking"),
    Command("model", "NAME", "the model that the agent works with"),
    Command("mode", "NAME", "the agent's own mode, as far as the policy allows"),
    Command("option", "NAME VALUE", "what else the agent lets you choose, e.g. its effort"),
    Command("budget", "$2 30 turns 60 min | off", "limits, also in tokens and calls, counted from now"),
    Command("extend", "", "grant the budget once more and go on"),
    Command("fine", "", "what was found last is fine; go on"),
    Command("timeline", "", "turns, tools, cost and stops over time"),
    Command("deliveries", "", "what became of its notifications"),
    Command("resume", "[brief]", "go on after a pause; from a brief, where the agent cannot take its session up"),
    Command("review", "", "the diff over the whole screen: accept, take back, comment, hunk by hunk"),
    Command("back", "", "take the prompt that waits last back into the composer (also ↑ in an empty one)"),
    Command("editor", "", "write on in $VISUAL or $EDITOR"),
    Command("interrupt", "", "cancel the agent's turn"),
    Command("stop", "", "end the agent; the session stays"),
    Command("new", "[AGENT]", "begin another session here"),
    Command("agent", "NAME", "choose the agent of a new session"),
    Command("theme", "[NAME]", "change the colours"),
    Command("details", "", "show or hide thoughts and full outputs"),
    Command("find", "[TEXT]", "find a text in the transcript"),
    Command("export", "[FILE]", "write the transcript to a file: Markdown, or HTML for a name that ends in .html"),
    Command("copy", "", "copy the agent's last message"),
    Command("keys", "", "all keys"),
    Command("help", "", "these commands"),
    Command("quit", "", "leave the app; the session goes on"),
)
POLICIES: tuple[Policy, ...] = ("ask", "accept-edits", "accept-all")


class Spoken(NamedTuple):
    """What the user typed: a command's name and the rest, or ``prompt`` and the text."""

    name: str
    rest: str


def parse(text: str, agents: Collection[str] = ()) -> Spoken:
    """Tell commands from prompts. An unknown ``/name`` is ``unknown``; a path such as ``/etc/hosts`` is a prompt.

    What is named as one of the agent's own commands (``agents``) is the agent's, unless castoff has one of that name.
    """
    if text.startswith("&"):
        return Spoken("handoff&", text[1:].strip())
    word = text[1:].split(maxsplit=1)[0] if text.startswith("/") and text[1:].strip() else ""
    if word in agents and not any(c.name == word for c in COMMANDS):
        return Spoken("prompt", text)
    match = re.fullmatch(r"/([a-z]+)(?:\s+(.*))?", text, re.DOTALL)
    if match is None:
        return Spoken("prompt", text)
    name, rest = match[1], (match[2] or "").strip()
    found = [c.name for c in COMMANDS if c.name == name] or [c.name for c in COMMANDS if c.name.startswith(name)]
    return Spoken(found[0], rest) if len(found) == 1 else Spoken("unknown", name)


def draw_commands(commands: Sequence[Command], width: int) -> list[Line]:
    """All commands, for the keys page."""
    out: list[Line] = []
    for command in commands:
        usage = pad(f"/{command.name} {command.takes}".rstrip(), min(44, width // 2))
        out.extend(wrap([Span(usage, "key"), Span("  "), Span(command.what, "muted")], width)[:1])
    return out


_LIMITS = re.compile(
    r"(?P<usd>\$\s*\d+(?:\.\d+)?|\d+(?:\.\d+)?\s*(?:usd|dollars?))"
    r"|(?P<tokens>\d+)\s*(?:tokens?|tok)\b"
    r"|(?P<calls>\d+)\s*(?:tool\s*)?calls?\b"
    r"|(?P<turns>\d+)\s*(?:turns?|t)\b"
    r"|(?P<minutes>\d+(?:\.\d+)?)\s*(?:minutes?|mins?|m)\b"
    r"|(?P<hours>\d+(?:\.\d+)?)\s*(?:hours?|h)\b",
    re.IGNORECASE,
)


def parse_budget(text: str) -> Budget | None:
    """A budget such as ``$2 30 turns 60 min``; ``off`` has no limits. ``None``: not understood."""
    if text.strip().lower() in ("off", "none"):
        return Budget()
    found = list(_LIMITS.finditer(text))
    if not found or re.sub(r"[\s,;]+", "", _LIMITS.sub("", text)):
        return None
    usd = next((float(re.sub(r"[^\d.]", "", m["usd"])) for m in found if m["usd"]), None)
    turns = next((int(m["turns"]) for m in found if m["turns"]), None)
    minutes = next((float(m["minutes"]) for m in found if m["minutes"]), None)
    hours = next((float(m["hours"]) for m in found if m["hours"]), None)
    return Budget(
        max_usd=usd,
        max_turns=turns,
        max_minutes=hours * 60 if hours is not None else minutes,
        max_tokens=next((int(m["tokens"]) for m in found if m["tokens"]), None),
        max_tool_calls=next((int(m["calls"]) for m in found if m["calls"]), None),
    )
