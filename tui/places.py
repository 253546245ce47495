"""Finding one's way in a transcript: what kind of place a block is, and which blocks hold a text. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal

from agent.blocks import (
    AnyBlock,
    MoveBlock,
    NoteBlock,
    PromptBlock,
    SetupBlock,
    TextBlock,
    ThoughtBlock,
    ToolBlock,
    TurnBlock,
)
from agent.events import DiffContent
from agent.sanitise import clean

Kind = Literal["block", "prompt", "edit", "error", "move"]
NAMES: dict[Kind, str] = {"block": "block", "prompt": "prompt", "edit": "edit", "error": "error", "move": "move"}


def is_edit(block: AnyBlock) -> bool:
    """Whether files were changed there."""
    if not isinstance(block, ToolBlock):
        return False
    return block.tool_kind in ("edit", "delete", "move") or any(isinstance(c, DiffContent) for c in block.content)


def is_error(block: AnyBlock) -> bool:
    """Whether something failed there."""
    match block:
        case ToolBlock():
            return block.status == "failed"
        case NoteBlock():
            return block.level == "error"
        case SetupBlock():
            return block.ended_at is not None and block.status != 0
        case TurnBlock():
            return block.stop_reason == "error"
        case _:
            return False


_TESTS: dict[Kind, Callable[[AnyBlock], bool]] = {
    "block": lambda block: True,
    "prompt": lambda block: isinstance(block, PromptBlock),
    "edit": is_edit,
    "error": is_error,
    "move": lambda block: isinstance(block, MoveBlock),
}


def find_kind(blocks: tuple[AnyBlock, ...], kind: Kind, start: int, step: int) -> int | None:
    """The nearest place of a kind after ``start``, or before it where ``step`` is -1."""
    return _first(_beyond(blocks, start, step), lambda place: _TESTS[kind](blocks[place]))


def find_text(blocks: tuple[AnyBlock, ...], text: str) -> list[int]:
    """The places that hold ``text``, in any case of letters."""
    wanted = clean(text).casefold()
    return [p for p, block in enumerate(blocks) if wanted in text_of(block).casefold()] if wanted else []


def text_of(block: AnyBlock) -> str:
    """A block's source: Markdown as the agent wrote it, a call with what it printed, an edit as a diff."""
    match block:
        case PromptBlock() | TextBlock() | ThoughtBlock() | NoteBlock():
            return clean(block.text)
        case ToolBlock():
            return clean("\n".join([block.title, *(_content(c) for c in block.content)]).strip("\n"))
        case SetupBlock():
            return clean(f"{block.command}\n{block.output}{block.detail}".strip("\n"))
        case MoveBlock():
            return clean(f"{block.origin} -> {block.to}")
        case TurnBlock():
            return clean(f"{block.stop_reason} {block.detail}".strip())
        case _:
            return ""


def _content(content: object) -> str:
    from tui.drawing.diffs import unified

    if isinstance(content, DiffContent):
        return unified(content.path, content.old_text or "", content.new_text)
    return str(getattr(content, "text", ""))


def _beyond(blocks: tuple[AnyBlock, ...], start: int, step: int) -> Iterable[int]:
    return range(start + 1, len(blocks)) if step > 0 else range(min(start, len(blocks)) - 1, -1, -1)


def _first(places: Iterable[int], is_it: Callable[[int], bool]) -> int | None:
    return next((p for p in places if is_it(p)), None)


def place_of(blocks: tuple[AnyBlock, ...], seq: int) -> int | None:
    """The place of the first block from the event ``seq`` on, or the last before it; ``None`` for no event or block."""
    if not seq or not blocks:
        return None
    return min(bisect_left(blocks, seq, key=lambda block: block.seq), len(blocks) - 1)
