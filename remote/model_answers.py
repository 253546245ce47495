"""Reads what a call of a model took from the model's own answer, as it passes.

Anthropic's Messages, OpenAI's Chat Completions and Responses, and the Gemini API, each at once or as a stream of
server-sent events: the fields are those of their public references. What is read is another's, and may be anything.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

_CALL = re.compile(rb"/(?:messages|chat/completions|completions|responses)|[^?]*:(?:g|streamG)enerateContent")
_MOST_BYTES = 16 << 20
"""Of an answer, or of one event of a stream: what is longer is not read."""
_MOST_TOKENS = 10**9
_LAST = frozenset({"message", "message_delta", "response", "response.completed", "response.incomplete"})
"""What an answer calls itself that says all that was used; those of Chat and Gemini do not call themselves anything."""
_PLACES = (("usage",), ("message", "usage"), ("response", "usage"), ("usageMetadata",))
_MODELS = (("model",), ("message", "model"), ("response", "model"), ("modelVersion",))


class Count(NamedTuple):
    """What one answer says. ``cached`` and ``written`` are of the input, read from a cache and put into one. ``whole``:
    whether it is all that the call took."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached: int = 0
    written: int = 0
    whole: bool = False


def is_model_call(method: bytes, target: str) -> bool:
    """Whether a request asks a model for an answer."""
    path = target.partition("?")[0].encode("ascii", "replace")
    return method == b"POST" and re.search(rb"(?:" + _CALL.pattern + rb")\Z", path) is not None


class AnswerReader:
    """Reads one answer from its bytes. ``streamed``: as server-sent events."""

    def __init__(self, *, streamed: bool) -> None:
        self.streamed = streamed
        self._rest = bytearray()
        self._lost = False
        self._last = False
        self._model = ""
        self._numbers: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._rest += data
        if self.streamed:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._read_event(bytes(line))
        if len(self._rest) > _MOST_BYTES:
            self._lost = True
            self._rest.clear()

    def finish(self, *, ended: bool = True) -> Count:
        """What was used; ``ended``: whether the answer came to its end."""
        if not self.streamed:
            for part in _parse(bytes(self._rest)):
                self._take(part)
        elif self._rest:
            self._read_event(bytes(self._rest))
        whole = ended and self._last and not self._lost
        return _count(self._numbers)._replace(model=self._model, whole=whole)

    def _read_event(self, line: bytes) -> None:
        # The text of an answer is not parsed: it is most of it.
        if line.startswith(b"data:") and (b'"usage' in line or (b'"model' in line and not self._model)):
            for part in _parse(line[5:]):
                self._take(part)

    def _take(self, part: Mapping[str, Any]) -> None:
        model = next((found for way in _MODELS if isinstance(found := _dig(part, way), str)), "")
        self._model = model[:200] or self._model
        # Each says the sum so far, so that the highest is the last.
        numbers = {name: value for way in _PLACES for name, value in _flatten(_dig(part, way))}
        self._numbers |= {name: max(value, self._numbers.get(name, 0)) for name, value in numbers.items()}
        kind = part.get("type", part.get("object", ""))
        self._last = self._last or (bool(numbers) and (kind in _LAST or "type" not in part))


def _count(numbers: Mapping[str, int]) -> Count:
    def get(*names: str) -> int:
        return sum(numbers.get(name, 0) for name in names)

    if "promptTokenCount" in numbers:
        given = get("promptTokenCount", "toolUsePromptTokenCount")
        cached = get("cachedContentTokenCount")
        count = Count("", given, get("candidatesTokenCount", "thoughtsTokenCount"), cached)
    elif "prompt_tokens" in numbers:
        cached = get("prompt_tokens_details.cached_tokens")
        count = Count("", get("prompt_tokens"), get("completion_tokens"), cached)
    else:
        # Anthropic does not count what it caches among the input; OpenAI does.
        read, written = get("cache_read_input_tokens"), get("cache_creation_input_tokens")
        cached = read + get("input_tokens_details.cached_tokens")
        count = Count("", get("input_tokens") + read + written, get("output_tokens"), cached, written)
    return count._replace(cached=min(count.cached, count.input_tokens - count.written))


def _parse(text: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return
    for part in cast(list[object], value) if isinstance(value, list) else [value]:
        if isinstance(part, dict):
            yield cast(dict[str, Any], part)


def _dig(value: object, way: tuple[str, ...]) -> object:
    for name in way:
        value = cast(dict[str, object], value).get(name) if isinstance(value, dict) else None
    return value


def _flatten(usage: object) -> Iterator[tuple[str, int]]:
    """The counts of what may be a table of them, those one level below as ``name.inner``."""
    for name, value in _items(usage):
        for key, number in ((name, value), *((f"{name}.{inner}", each) for inner, each in _items(value))):
            if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= _MOST_TOKENS:
                yield key, number


def _items(value: object) -> list[tuple[str, object]]:
    return list(cast(dict[str, object], value).items()) if isinstance(value, dict) else []
