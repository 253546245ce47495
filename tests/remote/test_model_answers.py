"""What a call of a model took is read from its answer, as four APIs have it: whole, streamed, cut and hostile."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from remote.gate_count import price
from remote.model_answers import AnswerReader, Count, is_model_call


def read(data: bytes, *, streamed: bool, ended: bool = True) -> Count:
    """What a reader makes of ``data``, however it is cut."""
    counts: set[Count] = set()
    for size in (1, 7, max(1, len(data))):
        reader = AnswerReader(streamed=streamed)
        for start in range(0, len(data), size):
            reader.feed(data[start : start + size])
        counts.add(reader.finish(ended=ended))
    (count,) = counts
    return count


def events(parts: Iterable[dict[str, Any]], end: bytes = b"") -> bytes:
    return b"".join(b"event: x\r\ndata: %s\r\n\r\n" % json.dumps(part).encode() for part in parts) + end


CLAUDE = {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 4}
MESSAGE = {"type": "message", "model": "m", "usage": CLAUDE}
MESSAGES: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"type": "message", "model": "m", "usage": {**CLAUDE, "output_tokens": 1}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": '{"usage": {"output_tokens": 999}}'}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
    {"type": "message_stop"},
]
CHAT_USAGE = {"prompt_tokens": 100, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}}
CHAT: list[dict[str, Any]] = [
    {"object": "chat.completion.chunk", "model": "m", "choices": [{"delta": {"content": "x"}}], "usage": None},
    {"object": "chat.completion.chunk", "model": "m", "choices": [], "usage": CHAT_USAGE},
]
RESPONSE: dict[str, Any] = {
    "object": "response",
    "model": "m",
    "usage": {"input_tokens": 100, "output_tokens": 9, "input_tokens_details": {"cached_tokens": 64}},
}
RESPONSES: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "usage": None}},
    {"type": "response.completed", "response": RESPONSE},
]
GEMINI_USAGE = {"promptTokenCount": 100, "candidatesTokenCount": 5, "thoughtsTokenCount": 4}
GEMINI: list[dict[str, Any]] = [
    {"candidates": [], "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 1}, "modelVersion": "m"},
    {"candidates": [], "usageMetadata": {**GEMINI_USAGE, "cachedContentTokenCount": 64}, "modelVersion": "m"},
]
FROM_CACHE = Count("m", 100, 9, 64, 0, whole=True)


@pytest.mark.parametrize(
    ("data", "streamed", "count"),
    [
        (events(MESSAGES), True, Count("m", 330, 4, 300, 20, whole=True)),
        (json.dumps(MESSAGE).encode(), False, Count("m", 330, 4, 300, 20, whole=True)),
        (events(CHAT, b"data: [DONE]\n\n"), True, FROM_CACHE),
        (json.dumps({"object": "chat.completion", "model": "m", "usage": CHAT_USAGE}).encode(), False, FROM_CACHE),
        (events(RESPONSES), True, FROM_CACHE),
        (json.dumps(RESPONSE).encode(), False, FROM_CACHE),
        (events(GEMINI), True, FROM_CACHE),
        (json.dumps(GEMINI).encode(), False, FROM_CACHE),
        (json.dumps(GEMINI[1]).encode(), False, FROM_CACHE),
    ],
)
def test_what_a_call_took(data: bytes, streamed: bool, count: Count) -> None:
    assert read(data, streamed=streamed) == count


def test_a_cut_answer_is_the_least_that_it_took() -> None:
    assert read(events(MESSAGES[:2]), streamed=True, ended=False) == Count("m", 330, 1, 300, 20)
    assert read(events(MESSAGES[:2]), streamed=True) == Count("m", 330, 1, 300, 20)
    assert read(events(CHAT[:1], b"data: [DONE]\n\n"), streamed=True) == Count("m")


@pytest.mark.parametrize("bad", [-1, True, 1e9, 10**12, "7", None, [1], {"input_tokens": {"input_tokens": 1}}])
def test_nonsense_counts_for_nothing(bad: object) -> None:
    told = {"type": "message", "model": bad, "usage": {"input_tokens": bad, "output_tokens": bad}}
    count = read(json.dumps(told).encode(), streamed=False)
    assert (count.model, count.input_tokens, count.output_tokens, count.whole) == (
        "7" if bad == "7" else "",
        0,
        0,
        False,
    )
    assert price(count) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 100_000, b"null", b"[[1]]", b'{"usage": 1}', b"data: {"])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_no_answer_is_not_whole(data: bytes, streamed: bool) -> None:
    reader = AnswerReader(streamed=streamed)
    reader.feed(data)
    assert reader.finish() == Count()


def test_an_answer_without_end_is_not_kept() -> None:
    reader = AnswerReader(streamed=True)
    for _ in range(20):
        reader.feed(b"x" * (1 << 20))
    reader.feed(b"\n" + events(CHAT))
    count = reader.finish()
    assert (count.input_tokens, count.whole) == (100, False)


def test_what_is_a_call() -> None:
    calls = (
        *("/v1/messages", "/v1/messages?beta=true", "/v1/chat/completions", "/responses"),
        *("/v1beta/models/gemini-x:generateContent", "/v1beta/models/g:streamGenerateContent?alt=sse"),
    )
    others = ("/v1/messages/count_tokens", "/v1/models", "/v1beta/models/g:countTokens", "/v1/responses/r1/cancel")
    assert all(is_model_call(b"POST", path) for path in calls)
    assert not any(is_model_call(b"POST", path) for path in others)
    assert not any(is_model_call(b"GET", path) for path in calls)


def test_a_price_knows_of_caches_and_an_unknown_model_has_none() -> None:
    plain = price(Count("claude-sonnet-4-5", 1000, 10, whole=True), "https://api.anthropic.com")
    cached = price(Count("claude-sonnet-4-5", 1000, 10, 900, whole=True), "https://api.anthropic.com")
    assert plain is not None and cached is not None and 0 < cached < plain
    elsewhere = price(Count("gpt-4o", 1000, 10, whole=True), "http://127.0.0.1:1/v1")
    assert elsewhere is not None and abs(elsewhere - 0.0026) < 1e-9
    assert price(Count("mock-model", 1000, 10, whole=True)) is None
    assert price(Count("gpt-4o", 1000, 10)) is None
