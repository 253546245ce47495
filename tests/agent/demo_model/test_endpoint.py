"""The endpoint as an HTTP client sees it."""

import gzip
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.demo_model import MODEL_ENV, MODEL_NAME
from agent.demo_model.conversation import respond
from agent.demo_model.endpoint import Endpoint
from agent.demo_model.project import DEMO_TASK

REQUEST: dict[str, Any] = {
    "model": MODEL_NAME,
    "messages": [{"role": "user", "content": DEMO_TASK}],
    "tools": [{"type": "function"}],
}


@contextmanager
def serving() -> Generator[str]:
    with Endpoint(respond, name=MODEL_NAME, pace=0) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield MODEL_ENV(endpoint.port)["OPENAI_BASE_URL"]
        finally:
            endpoint.shutdown()
            thread.join()


@pytest.fixture
def base() -> Iterator[str]:
    with serving() as url:
        yield url


def fetch(url: str, body: bytes | Iterator[bytes] | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read()


def test_lists_its_model(base: str) -> None:
    [model] = json.loads(fetch(f"{base}/models"))["data"]
    assert model["id"] == MODEL_NAME


def test_streamed_and_whole_answers_are_the_same(base: str) -> None:
    whole = json.loads(fetch(f"{base}/chat/completions", json.dumps(REQUEST).encode()))
    streamed = fetch(f"{base}/chat/completions", json.dumps(REQUEST | {"stream": True}).encode()).decode()
    events = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == whole["usage"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert [call["id"] for call in calls] == [call["id"] for call in whole["choices"][0]["message"]["tool_calls"]]
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "tool_calls"


def test_it_keeps_no_state(base: str) -> None:
    body = json.dumps(REQUEST).encode()
    assert fetch(f"{base}/chat/completions", body) == fetch(f"{base}/chat/completions", body)
    with serving() as other:
        assert fetch(f"{other}/chat/completions", body) == fetch(f"{base}/chat/completions", body)


def test_usage_grows_with_the_conversation(base: str) -> None:
    short = json.loads(fetch(f"{base}/chat/completions", json.dumps(REQUEST).encode()))["usage"]
    longer = REQUEST | {"messages": [*REQUEST["messages"], {"role": "tool", "content": "x" * 4000}]}
    long = json.loads(fetch(f"{base}/chat/completions", json.dumps(longer).encode()))["usage"]
    assert long["prompt_tokens"] - short["prompt_tokens"] > 900
    assert short["total_tokens"] == short["prompt_tokens"] + short["completion_tokens"]


def test_a_chunked_body_is_read(base: str) -> None:
    body = json.dumps(REQUEST).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    assert json.loads(fetch(f"{base}/chat/completions", pieces))["model"] == MODEL_NAME


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("chat/completions", b"{", 400),
        ("chat/completions", b"[]", 400),
        ("chat/completions", gzip.compress(b"{}", mtime=0), 400),
        ("responses", b"{}", 404),
        ("nothing", None, 404),
    ],
)
def test_bad_requests_get_the_providers_kind_of_error(base: str, path: str, body: bytes | None, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(f"{base}/{path}", body)
    with caught.value as error:
        assert error.code == status
        assert json.loads(error.read())["error"]["message"]
