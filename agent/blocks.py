"""The transcript's blocks: what a session shows from top to bottom, as data."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from agent.events import Frozen, Location, PermissionOption, ResumeKind, ToolContent, ToolKind, ToolStatus


class Block(Frozen):
    """What all blocks share: ``seq`` of the first event in it (its identity) and when that was (Unix seconds)."""

    seq: int
    at: float


class PromptBlock(Block):
    """What the user, or castoff in their name, asked."""

    type: Literal["prompt"] = "prompt"
    prompt_id: str
    text: str
    source: Literal["user", "castoff"]
    said: str = ""


class TextBlock(Block):
    """A message of the agent (Markdown)."""

    type: Literal["text"] = "text"
    text: str


class ThoughtBlock(Block):
    """The agent's thinking."""

    type: Literal["thought"] = "thought"
    text: str


class ToolBlock(Block):
    """One tool call in its latest state; ``ended_at`` is set once it completed or failed."""

    type: Literal["tool"] = "tool"
    call_id: str
    title: str = ""
    tool_kind: ToolKind = "other"
    status: ToolStatus = "pending"
    locations: tuple[Location, ...] = ()
    content: tuple[ToolContent, ...] = ()
    raw_input: JsonValue = None
    ended_at: float | None = None


class PermissionBlock(Block):
    """A question about the tool call ``call_id``; open while ``by`` is ``None``."""

    type: Literal["permission"] = "permission"
    request_id: str
    call_id: str
    options: tuple[PermissionOption, ...]
    option_id: str | None = None
    by: Literal["user", "policy", "cancel"] | None = None


class NoteBlock(Block):
    """A sentence from castoff itself."""

    type: Literal["note"] = "note"
    level: Literal["info", "warning", "error"]
    text: str


class SetupBlock(Block):
    """A setup command of the project, and what it printed; it runs while ``ended_at`` is ``None``."""

    type: Literal["setup"] = "setup"
    command: str
    number: int
    total: int
    output: str = ""
    status: int | None = None
    detail: str = ""
    ended_at: float | None = None


class MoveBlock(Block):
    """A divider: the session moved between machines."""

    type: Literal["move"] = "move"
    origin: str
    to: str
    files: int
    size: int
    seconds: float
    sandbox: str


class AgentBlock(Block):
    """A divider: an agent process took the session up."""

    type: Literal["agent"] = "agent"
    agent: str
    version: str
    resumed: ResumeKind
    host: str
    lossy: bool = False


class TurnBlock(Block):
    """A divider: a turn ended in another way than normally."""

    type: Literal["turn"] = "turn"
    stop_reason: str
    detail: str


AnyBlock = Annotated[
    PromptBlock
    | TextBlock
    | ThoughtBlock
    | ToolBlock
    | PermissionBlock
    | NoteBlock
    | SetupBlock
    | MoveBlock
    | AgentBlock
    | TurnBlock,
    Field(discriminator="type"),
]
