"""Texts, names and whole sessions that try to reach the terminal behind the screen, made from a seed."""

from random import Random
from typing import Any

from agent.events import (
    AgentCommand,
    AgentStarted,
    AnyEvent,
    CommandsListed,
    DiffContent,
    Event,
    Location,
    Moved,
    Noted,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    Prompted,
    SetupEnded,
    SetupPrinted,
    SetupStarted,
    Text,
    TextContent,
    Thought,
    ToolCalled,
    TurnEnded,
    TurnStarted,
)
from tests.tui.doubles import DoubleDiff, DoubleFile

MARK = "31337"
"""In every control sequence below, and in none of the app's own."""
_SEQUENCES = (
    f"\x1b]52;c;{MARK}\x07", f"\x1b]0;{MARK}\x1b\\", f"\x9d2;{MARK}\x9c", f"\x1bP{MARK}q#0\x1b\\", f"\x90{MARK}\x9c",
    f"\x1b[{MARK}m", f"\x9b{MARK}J", f"\x1b[?{MARK}h", f"\x1b[{MARK};{MARK}H", f"\x1b]8;;x:{MARK}\x1b\\z",
    f"\x1b_G{MARK};\x1b\\", f"\x1b^{MARK}\x1b\\", f"\x1bX{MARK}\x1b\\", f"\x1b]1337;{MARK}", f"\x1b[{MARK}", "\x1bc",
    "\x1b(0", "\x1b", "\x9b", "\x9d", "\x90", "\x1b]", "\x1b[200~", "\x1b\x1b[", f"\x1b[\x1b]{MARK}",
)  # fmt: skip
_CONTROLS = (*(chr(c) for c in (*range(32), 127, *range(128, 160))), "\r\n", "\n\r", "\r")
_UNSEEN = (
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\U000e0041",
    "\ud800",
    "\udc1b",
    "\u00ad",
    "\u3164",
)
_MARKUP = (
    "[red]", "[/]", "[/red]", "[b", "[@click=app.quit]x[/]", "[link=x:y]z[/link]", "\\[", "[[", "$c-accent", "{0}",
    "```", "```python\n", "`", "**", "| a | b |\n|--|", "# ", "- ", "> ", "&#27;[2J", "![x](y)", "\x1b[0m```",
)  # fmt: skip
_PLAIN = (
    "word",
    "a b",
    "日本語",
    "👩‍👩‍👧‍👦",
    "é" + "\u0301" * 30,
    "-rf",
    "--",
    "~/",
    "../../x",
    "\t",
    "\n",
    " " * 9,
    "x" * 300,
    "",
)
_ALL = (_SEQUENCES, _SEQUENCES, _CONTROLS, _UNSEEN, _MARKUP, _PLAIN)


def text(random: Random, most: int = 8) -> str:
    """One text."""
    return "".join(random.choice(random.choice(_ALL)) for _ in range(random.randint(1, most)))


def events(random: Random, seq: int) -> list[Event]:
    """What one step of such a session may be."""
    said = lambda: text(random)  # noqa: E731 - a dozen calls each
    number = f"n{seq}"
    edit = DiffContent(path=said(), old_text=said() + "\nsame\n", new_text=said() + "\nsame\n")
    made: list[list[Event]] = [
        [Prompted(prompt_id=number, text=said())],
        [Text(text=text(random, 30))],
        [Thought(text=said())],
        [
            ToolCalled(
                call_id=number,
                title=said(),
                tool_kind="execute",
                status=random.choice(("completed", "failed", "in_progress")),
                locations=(Location(path=said()),),
                content=(TextContent(text=text(random, 20)),),
                raw_input={said(): said()},
            )
        ],
        [ToolCalled(call_id=number, title=said(), tool_kind="edit", status="completed", content=(edit,))],
        [Planned(entries=tuple(PlanEntry(content=said()) for _ in range(4)))],
        [
            PermissionAsked(
                request_id=number,
                call_id=said(),
                options=(PermissionOption(option_id="o", name=said(), kind="allow_once"),),
            ),
            PermissionAnswered(request_id=number, option_id="o", by="user"),
        ],
        [AgentStarted(agent=said(), version=said(), agent_session_id=said(), resumed="new", host=said())],
        [Noted(level=random.choice(("info", "warning", "error")), text=said())],
        [TurnStarted(prompt_id=number), TurnEnded(prompt_id=number, stop_reason=said(), detail=said())],
        [Moved(origin=said(), to=said(), files=3, size=4, seconds=0.1, sandbox=said())],
        [PhaseChanged(phase=random.choice(("idle", "failed", "paused")), detail=said())],
        [
            SetupStarted(command=said(), number=1, total=2),
            SetupPrinted(text=said()),
            SetupEnded(status=1, detail=said()),
        ],
        [CommandsListed(commands=(AgentCommand(name=said(), what=said(), hint=said()),))],
    ]
    return random.choice(made)


def session(random: Random, steps: int) -> list[AnyEvent]:
    """A session of so many steps."""
    out: list[Any] = []
    for step in range(steps):
        out += [each.model_copy(update={"seq": len(out) + i + 1}) for i, each in enumerate(events(random, step))]
    return out


def diff(random: Random, files: int) -> DoubleDiff:
    """Changes of files with such names."""
    return DoubleDiff(
        tuple(
            DoubleFile(path=text(random), text=f"@@ -1 +1 @@\n-{text(random)}\n+{text(random)}") for _ in range(files)
        )
    )
