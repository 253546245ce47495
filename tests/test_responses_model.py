"""The double itself: framings that clients use, and that it keeps no state."""

import gzip
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.agents import ResponsesModel

Reply = tuple[int, bytes]

TOOLS = [{"type": "function", "name": "exec_command"}]


def ask(
    model: ResponsesModel, body: bytes | list[bytes], headers: dict[str, str] | None = None, method: str = "POST"
) -> Reply:
    url = urlsplit(model.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    try:
        path = "/v1/responses" if method == "POST" else "/v1/models"
        connection.request(method, path, iter(body) if isinstance(body, list) else body, headers or {})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def chunked(*parts: bytes) -> list[bytes]:
    return [*(b"%x\r\n%s\r\n" % (len(part), part) for part in parts), b"0\r\n\r\n"]


def conversation(*items: dict[str, Any], tools: list[dict[str, Any]] = TOOLS) -> bytes:
    return json.dumps({"model": "mock-model", "input": items, "tools": tools}).encode()


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def result(call_id: str, output: str = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def output(reply: Reply) -> list[dict[str, Any]]:
    """The items of a streamed response, after a look at the stream's form."""
    events = [json.loads(line[6:]) for line in reply[1].decode().splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert events[-1]["response"]["usage"]["total_tokens"] > 0
    return events[-1]["response"]["output"]


def arguments(reply: Reply) -> Any:
    return json.loads(output(reply)[-1]["arguments"])


@pytest.fixture
def model(responses_model: ResponsesModel) -> ResponsesModel:
    responses_model.write_script("two", {"shell": "one"}, {"shell": "two", "seconds": 5}, {"recap": True})
    return responses_model


def test_the_conversation_alone_decides_the_step(model: ResponsesModel) -> None:
    start = user("Do it [[two]]")
    first, second = result("step_1"), result("step_2")
    assert arguments(ask(model, conversation(start)))["cmd"] == "one"
    assert arguments(ask(model, conversation(start, first))) == {"cmd": "two", "yield_time_ms": 5000}
    assert arguments(ask(model, conversation(start)))["cmd"] == "one"
    # A prompt without a marker goes on with the script; one with a marker begins anew.
    assert arguments(ask(model, conversation(start, first, user("go on"))))["cmd"] == "two"
    assert arguments(ask(model, conversation(start, first, user("again [[two]]"))))["cmd"] == "one"
    text = output(ask(model, conversation(start, first, second)))[-1]["content"][0]["text"]
    assert json.loads(text) == {
        "markers": ["two"],
        "prompts": ["Do it [[two]]"],
        "calls": [],
        "results": ["ok", "ok"],
        "said": [],
    }


def test_a_command_that_still_runs_is_waited_for(model: ResponsesModel) -> None:
    running = result("step_1", "Process running with session ID 7\n")
    waiting = ask(model, conversation(user("[[two]]"), running))
    assert arguments(waiting)["session_id"] == 7
    ended = result("wait_2", "Process exited with code 0")
    assert arguments(ask(model, conversation(user("[[two]]"), running, ended)))["cmd"] == "two"


def test_plain_gzip_and_chunked_bodies(model: ResponsesModel) -> None:
    body = conversation(user("[[two]]"))
    packed = gzip.compress(body)
    gzipped, chunks = {"Content-Encoding": "gzip"}, {"Transfer-Encoding": "chunked"}
    for reply in (
        ask(model, body),
        ask(model, packed, gzipped),
        ask(model, chunked(body[:10], body[10:]), chunks),
        ask(model, chunked(packed[:10], packed[10:]), chunks | gzipped),
    ):
        assert arguments(reply)["cmd"] == "one"
    assert [request["body"] for request in model.requests()] == [json.loads(body)] * 4
    assert ask(model, body, {"Content-Encoding": "zstd"})[0] == 415


def test_other_requests(model: ResponsesModel) -> None:
    assert ask(model, b"", method="HEAD")[0] == 200
    assert json.loads(ask(model, b"", method="GET")[1])["data"][0]["id"] == "mock-model"
    titled = output(ask(model, conversation(user("[[two]]"), tools=[])))
    assert [item["type"] for item in titled] == ["message"]
    model.write_script("broken", {"status": 500})
    assert ask(model, conversation(user("[[broken]]")))[0] == 500
    assert [request["answer"] for request in model.requests()] == ["models", "untooled", "broken:0"]
