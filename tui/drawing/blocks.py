"""The transcript's blocks as lines."""

from typing import NamedTuple

from agent.blocks import (
    AgentBlock,
    AnyBlock,
    MoveBlock,
    NoteBlock,
    PermissionBlock,
    PromptBlock,
    SetupBlock,
    TextBlock,
    ThoughtBlock,
    ToolBlock,
    TurnBlock,
)
from agent.events import DiffContent, ToolKind
from tui.drawing.diffs import draw_edit
from tui.drawing.lines import Line, Role, Span, fit, line, rule, span, spread, text_lines, wrap
from tui.drawing.markdown import draw_markdown
from tui.drawing.words import count, duration, size

TOOL_MARKS: dict[ToolKind, str] = {
    "read": "≡",
    "edit": "±",
    "delete": "−",
    "move": "→",
    "search": "?",
    "execute": "$",
    "think": "∴",
    "fetch": "↓",
    "switch_mode": "⇄",
    "other": "·",
}
TOOL_WORDS: dict[str, tuple[str, Role]] = {
    "pending": ("waiting", "muted"),
    "in_progress": ("running", "accent"),
    "completed": ("done", "muted"),
    "failed": ("failed", "bad"),
}
PROSE_WIDTH = 100
"""Cells beyond which prose gets no wider: longer lines are hard to read."""

TAIL_LINES = 5
EDIT_LINES = 10


class Look(NamedTuple):
    """What drawing depends on besides the block: cells, details or not, and for running calls the runner's time."""

    width: int
    details: bool = False
    now: float = 0.0


def draw_block(block: AnyBlock, look: Look) -> list[Line]:
    """One block as lines of at most ``look.width`` cells; no lines where there is nothing to show."""
    match block:
        case PromptBlock():
            return _prompt(block, look)
        case TextBlock():
            return [_indent(row) for row in draw_markdown(block.text, min(look.width, PROSE_WIDTH) - 2)]
        case ThoughtBlock():
            return _thought(block, look)
        case ToolBlock():
            return _tool(block, look)
        case PermissionBlock():
            return _permission(block, look)
        case NoteBlock():
            return _note(block, look)
        case SetupBlock():
            return _setup(block, look)
        case MoveBlock():
            return [_move(block, look.width)]
        case AgentBlock():
            return [_agent(block, look.width)]
        case TurnBlock():
            return _turn(block, look)


def is_foldable(block: AnyBlock) -> bool:
    """Whether there is more of a block than is shown of it without details."""
    match block:
        case ToolBlock():
            return bool(block.content)
        case SetupBlock():
            return bool(block.output)
        case _:
            return isinstance(block, ThoughtBlock)


def gap_before(previous: AnyBlock | None, block: AnyBlock) -> int:
    """Blank lines before a block: none between short tool calls that follow each other, else one."""
    if previous is None:
        return 0
    if isinstance(block, PermissionBlock) and isinstance(previous, ToolBlock):
        return 0
    compact = isinstance(previous, PermissionBlock) or (isinstance(previous, ToolBlock) and not previous.content)
    return 0 if compact and isinstance(block, ToolBlock | PermissionBlock) else 1


def _indent(row: Line) -> Line:
    return Line((Span("  "), *row.spans), row.fill) if row.spans else row


def _prompt(block: PromptBlock, look: Look) -> list[Line]:
    who = Span("› ", "accent") if block.source == "user" else Span("» ", "muted")
    out: list[Line] = []
    for i, row in enumerate(text_lines(block.text) or [""]):
        head = Line((who if i == 0 else Span("  "),))
        out.extend(wrap([Span(row, "prompt")], look.width - 1, first=head, fill="prompt"))
    return out


def _thought(block: ThoughtBlock, look: Look) -> list[Line]:
    rows = [r.strip() for r in text_lines(block.text) if r.strip()]
    if not rows:
        return []
    head = Line((Span("∴ ", "muted"),))
    width = min(look.width, PROSE_WIDTH)
    if look.details:
        return wrap([Span(" ".join(rows), "emphasis")], width, first=head)
    more = Span(f" … {count(len(rows) - 1, 'more line')}" if len(rows) > 1 else "", "muted")
    return [Line((*head.spans, Span(fit(rows[0], width - 2 - len(more.text)), "emphasis"), more))]


def _tool(block: ToolBlock, look: Look) -> list[Line]:
    word, role = TOOL_WORDS[block.status]
    running = block.status == "in_progress"
    end = block.ended_at if block.ended_at is not None else (look.now if running else None)
    took = duration(end - block.at) if end is not None and end - block.at >= 0.05 else ""
    right = [Span(word, role), Span(f" {took}" if took else "", "muted")]
    mark = Span(
        f"{TOOL_MARKS[block.tool_kind]} ", "bad" if block.status == "failed" else "accent" if running else "muted"
    )
    title = span(block.title.strip() or block.tool_kind.replace("_", " "))
    out = [spread([mark, title], right, look.width)]
    for content in block.content:
        if isinstance(content, DiffContent):
            limit = 10_000 if look.details else EDIT_LINES
            rows = draw_edit(content.path, content.old_text, content.new_text, look.width - 2, limit=limit)
            out.extend(
                _indent(r) for r in (rows if look.details or len(block.content) > 1 else _without_path(rows, block))
            )
        else:
            out.extend(_output(content.text, look, tail=running or block.status == "failed"))
    return out


def _without_path(rows: list[Line], block: ToolBlock) -> list[Line]:
    """An edit's lines without a head that repeats what the title says."""
    name = rows[0].spans[0].text.rsplit("/", 1)[-1]
    if name.strip() and name in block.title:
        return rows[1:]
    return rows


def _output(text: str, look: Look, *, tail: bool) -> list[Line]:
    """The last lines of what a call printed; everything with details on."""
    rows = text_lines(text.strip("\n"))
    while rows and not rows[-1].strip():
        rows.pop()
    keep = len(rows) if look.details else TAIL_LINES if tail else 3
    hidden = len(rows) - keep
    out: list[Line] = []
    if hidden > 0:
        rows = rows[-keep:]
        out.append(Line((Span("  ", "rule"), Span(f"… {count(hidden, 'line')} before", "muted"))))
    out.extend(Line((Span("  ", "rule"), Span(fit(r, look.width - 2), "muted"))) for r in rows)
    return out


def _permission(block: PermissionBlock, look: Look) -> list[Line]:
    if block.by is None:
        return []
    if block.by == "cancel":
        return [line(span("  not answered", "muted"))]
    chosen = next((o for o in block.options if o.option_id == block.option_id), None)
    name = chosen.name if chosen is not None else (block.option_id or "")
    allowed = chosen is None or chosen.kind.startswith("allow")
    if block.by == "policy" and allowed:
        return []
    mark = Span("✓ ", "ok") if allowed else Span("✗ ", "bad")
    who = "you" if block.by == "user" else "the policy"
    return [Line((Span("  "), mark, Span(fit(f"{span(name).text}, by {who}", look.width - 4), "muted")))]


def _note(block: NoteBlock, look: Look) -> list[Line]:
    marks: dict[str, tuple[str, Role]] = {"info": ("· ", "muted"), "warning": ("! ", "warn"), "error": ("✗ ", "bad")}
    mark, role = marks[block.level]
    text = " ".join(text_lines(block.text))
    return wrap(
        [Span(text, "muted" if role == "muted" else role)],
        min(look.width, PROSE_WIDTH),
        first=Line((Span(mark, role),)),
    )


def _setup(block: SetupBlock, look: Look) -> list[Line]:
    """A setup command like a call of a tool: its end while it runs or when it failed."""
    running = block.ended_at is None
    bad = not running and block.status != 0
    took = duration((look.now if block.ended_at is None else block.ended_at) - block.at)
    word = "running" if running else "done" if not bad else "failed" if block.status is not None else "stopped"
    role: Role = "accent" if running else "bad" if bad else "muted"
    mark = Span(f"{TOOL_MARKS['execute']} ", role)
    right = [Span(f"setup {block.number} of {block.total} ", "muted"), Span(word, role), Span(f" {took}", "muted")]
    out = [spread([mark, span(block.command)], right, look.width)]
    out.extend(_output(block.output, look, tail=running or bad))
    if block.detail:
        out.append(line(Span("  ", "rule"), span(block.detail, "warn")))
    return out


def _move(block: MoveBlock, width: int) -> Line:
    where = Span("back home" if block.to == "here" else f"cast off to {span(block.to).text}", "strong")
    facts = [count(block.files, "file"), size(block.size), duration(block.seconds)]
    if block.sandbox:
        facts.append(f"sandbox {span(block.sandbox).text}")
    return rule(width, [where, Span(" · " + " · ".join(facts), "muted")])


def _agent(block: AgentBlock, width: int) -> Line:
    how = {"new": "new conversation", "resume": "conversation resumed", "load": "conversation loaded again"}[
        block.resumed
    ]
    if block.lossy:
        how = "new conversation, begun with a brief (lossy)"
    name = span(f"{block.agent} {block.version}".strip(), "muted")
    where = span(f" on {block.host}" if block.host and block.host != "here" else "", "muted")
    return rule(width, [name, where, Span(f" · {how}", "muted")])


def _turn(block: TurnBlock, look: Look) -> list[Line]:
    words: dict[str, tuple[str, Role]] = {
        "cancelled": ("interrupted", "warn"),
        "max_tokens": ("the model's answer hit its token limit", "warn"),
        "max_turn_requests": ("the agent hit its limit of model calls in one turn", "warn"),
        "refusal": ("the model refused", "warn"),
        "error": ("the turn failed", "bad"),
    }
    word, role = words.get(block.stop_reason, (f"the turn ended: {block.stop_reason}", "warn"))
    text = span(word + (f": {block.detail}" if block.detail else ""), role)
    mark = Span("✗ " if role == "bad" else "■ ", role)
    return wrap([text], min(look.width, PROSE_WIDTH), first=Line((mark,)))
