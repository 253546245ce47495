"""The messages of a chat completions request, as far as a scripted model looks at them."""

from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True)
class Message:
    """A message's ``role`` and its ``text``, whether it came as a string or in parts."""

    role: str
    text: str


def read_messages(request: dict[str, Any]) -> list[Message]:
    """Return the messages of ``request``, oldest first; whatever has not the form of one is passed over."""
    found: list[Message] = []
    for item in _objects(request.get("messages")):
        found.append(Message(str(item.get("role")), _text(item.get("content"))))
    return found


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in _objects(content))


def _objects(value: object) -> list[dict[str, Any]]:
    """The JSON objects of a JSON array; none if it is not one."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
