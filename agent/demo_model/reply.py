"""An answer of a scripted model, before it takes the form of the wire."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A tool call; ``arguments`` as a JSON object, or as text that is sent as it is."""

    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True)
class Reply:
    """What a scripted model answers: a thought, a text, tool calls; and how.

    ``pause`` is seconds of thinking before the first word and ``word_pause`` seconds between words, both at pace 1.
    ``status`` other than 200 answers with that HTTP error and ``text`` as its message. ``break_after`` cuts the
    connection after that many words.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""
    pause: float = 0.0
    word_pause: float = 0.0
    status: int = 200
    finish_reason: str = ""
    break_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
