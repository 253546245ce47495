"""The OpenAI chat completions format: answers as JSON and as server-sent events."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from agent.demo_model.reply import Reply

_PIECE = re.compile(r"\S+\s*|\s+")
_CHARACTERS_PER_TOKEN = 4
_CREATED = 1_767_225_600
"""A fixed time: the same conversation gets the same bytes."""


def completion(reply: Reply, request: dict[str, Any]) -> dict[str, Any]:
    """Return the whole answer as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.thought:
        message["reasoning_content"] = reply.thought
    if reply.calls:
        message["tool_calls"] = _calls(reply, request)
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(reply)}
    return _frame(request, "chat.completion", [choice]) | {"usage": usage(reply, request)}


def chunks(reply: Reply, request: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield the streamed answer's chunks, each with the seconds (at pace 1) to wait before it."""
    yield reply.pause / 2, _chunk(request, {"role": "assistant", "content": ""})
    for word in _PIECE.findall(reply.thought):
        yield reply.word_pause, _chunk(request, {"reasoning_content": word})
    wait = reply.pause / 2
    for word in _PIECE.findall(reply.text):
        yield wait, _chunk(request, {"content": word})
        wait = reply.word_pause
    for index, call in enumerate(_calls(reply, request)):
        yield wait, _chunk(request, {"tool_calls": [{"index": index, **call}]})
        wait = 0.0
    yield 0.0, _chunk(request, {}, _finish_reason(reply))
    yield 0.0, _frame(request, "chat.completion.chunk", []) | {"usage": usage(reply, request)}


def models(name: str) -> dict[str, Any]:
    """Return the list of models: the one there is."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": _CREATED, "owned_by": "castoff"}]}


def error(status: int, message: str) -> dict[str, Any]:
    """Return an error in the provider's form."""
    return {"error": {"message": message, "type": "scripted_error", "param": None, "code": str(status)}}


def usage(reply: Reply, request: dict[str, Any]) -> dict[str, int]:
    """Return token counts estimated from the real lengths of the conversation and of the answer."""
    given = _tokens(json.dumps([request.get("messages"), request.get("tools")], ensure_ascii=False))
    made = _tokens(reply.text + reply.thought + "".join(_arguments(call.arguments) for call in reply.calls))
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def _calls(reply: Reply, request: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls with ids that are the same whenever the same conversation is asked about."""
    seed = json.dumps(request.get("messages"), sort_keys=True).encode()
    return [
        {
            "id": f"call_{hashlib.sha256(b'%d ' % index + seed).hexdigest()[:24]}",
            "type": "function",
            "function": {"name": call.name, "arguments": _arguments(call.arguments)},
        }
        for index, call in enumerate(reply.calls)
    ]


def _arguments(arguments: dict[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _finish_reason(reply: Reply) -> str:
    return reply.finish_reason or ("tool_calls" if reply.calls else "stop")


def _chunk(request: dict[str, Any], delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _frame(request, "chat.completion.chunk", [choice])


def _frame(request: dict[str, Any], kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    name = str(request.get("model", ""))
    return {"id": "chatcmpl-scripted", "object": kind, "created": _CREATED, "model": name, "choices": choices}


def _tokens(text: str) -> int:
    return max(1, len(text) // _CHARACTERS_PER_TOKEN)
