"""The transcript as a file: Markdown as it was written, or one HTML page without anything from elsewhere."""

import html
import re
from datetime import UTC, datetime
from pathlib import Path

from agent.blocks import (
    AgentBlock,
    AnyBlock,
    MoveBlock,
    NoteBlock,
    PermissionBlock,
    PromptBlock,
    TextBlock,
    ThoughtBlock,
    ToolBlock,
)
from agent.sanitise import clean
from agent.state import SessionState
from tui.drawing.words import count, duration, size
from tui.errors import ExportError
from tui.places import text_of

_STYLE = (
    "body{max-width:52rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#23272e;"
    "background:#fbfaf7}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.45 ui-monospace,monospace}"
    ".prompt{background:#f0eee8;padding:.5rem 1rem}.tool,.thought,.note{color:#646b76}.failed{color:#b3282d}"
    "hr{border:0;border-top:1px solid #d3cfc5}.move{color:#1c64a8;text-align:center}"
)


def to_markdown(state: SessionState, title: str) -> str:
    """All blocks as Markdown; what others wrote stands in fences or as they wrote it, without control characters."""
    parts = [f"# {_one_line(title) or 'Session'}", *(_markdown(block) for block in state.blocks)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _markdown(block: AnyBlock) -> str:
    match block:
        case PromptBlock():
            return "\n".join(f"> {row}".rstrip() for row in text_of(block).split("\n"))
        case TextBlock():
            return text_of(block)
        case ThoughtBlock():
            return f"*Thought:* {_one_line(block.text)}"
        case ToolBlock():
            head, _, rest = text_of(block).partition("\n")
            return f"**{block.tool_kind}**, {_status(block)}\n\n{_fenced(head)}" + (
                f"\n\n{_fenced(rest)}" if rest else ""
            )
        case MoveBlock() | AgentBlock():
            return f"---\n\n*{_divider(block)}*"
        case PermissionBlock():
            return ""
        case NoteBlock():
            return f"*{block.level}:* {_one_line(block.text)}"
        case _:
            return _fenced(text_of(block))


def to_html(state: SessionState, title: str) -> str:
    """All blocks as one page; everything is escaped, nothing is a link, and no script or address is in it."""
    name = html.escape(_one_line(title) or "Session")
    body = "\n".join(p for p in (_html(block) for block in state.blocks) if p)
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    head = f'<meta charset="utf-8">{policy}<title>{name}</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head><body>\n<h1>{name}</h1>\n{body}\n</body></html>\n"


def _html(block: AnyBlock) -> str:
    source = html.escape(text_of(block))
    match block:
        case ToolBlock():
            head, _, rest = source.partition("\n")
            kind = "tool failed" if block.status == "failed" else "tool"
            inside = f"<pre>{rest}</pre>" if rest else ""
            return f'<details class="{kind}"><summary>{head} ({_status(block)})</summary>{inside}</details>'
        case MoveBlock() | AgentBlock():
            return f'<hr><p class="move">{html.escape(_divider(block))}</p>'
        case _:
            return f'<pre class="{block.type}">{source}</pre>' if source else ""


def _divider(block: MoveBlock | AgentBlock) -> str:
    at = datetime.fromtimestamp(block.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(block, MoveBlock):
        facts = f"{count(block.files, 'file')}, {size(block.size)}, {duration(block.seconds)}"
        return f"Moved from {_one_line(block.origin)} to {_one_line(block.to)}, {at}: {facts}"
    lossy = ", from a brief (lossy)" if block.lossy else ""
    return f"{_one_line(block.agent)} {_one_line(block.version)} on {_one_line(block.host or 'here')}, {at}{lossy}"


def _status(block: ToolBlock) -> str:
    took = f", {duration(block.ended_at - block.at)}" if block.ended_at is not None else ""
    return {"completed": "done", "in_progress": "running"}.get(block.status, block.status) + took


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _fenced(text: str) -> str:
    """A fence that nothing in ``text`` ends."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def write_export(folder: Path, name: str, title: str, state: SessionState) -> Path:
    """Write a transcript to a new file; raises `tui.errors.ExportError` where there is one of that name."""
    stem = re.sub(r"[^\w-]+", "-", title).strip("-") or "session"
    path = folder / (Path(name).expanduser() if name else f"{stem}-transcript.md")
    text = to_html(state, title) if path.suffix in (".html", ".htm") else to_markdown(state, title)
    try:
        with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            path.chmod(0o600)
            file.write(text)
    except FileExistsError as error:
        raise ExportError(f"There is a file {str(path)!r} already.", "Name another: /export NAME.md") from error
    except OSError as error:
        raise ExportError(
            f"{str(path)!r} cannot be written: {error.strerror}.", "Name another: /export NAME.md"
        ) from error
    return path
