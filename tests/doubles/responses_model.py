"""A double of a model behind the OpenAI Responses API: its answers are scripts that the test wrote in advance.

``python -I responses_model.py --port 0 --scripts DIR --ready-file FILE --log FILE``; standard library only.
It keeps no state. A user message holding ``[[NAME]]`` chooses the script ``DIR/NAME.json``, the newest such
message counts, and the number of tool results after it that belong to steps says which step is next. So it
survives kill -9 of anyone, moves between machines, and replays. A script is a list of steps, each an object:

    {"plan": [["what", "completed"], ...]}          update_plan
    {"read": "path"} {"shell": "command"}           a shell call; with "seconds" it is waited for so long
    {"edit": "path", "old": "a", "new": "b"}        apply_patch, as custom tool if offered, else in a shell call
    {"add": "path", "content": "..."}               the same for a new file
    {"text": "..."}                                 a message; as the last step it ends the turn
    {"recap": true}                                 a message listing, as JSON, all prompts, calls and results seen
    {"status": 500}                                 an HTTP error

``"say"`` in a step is streamed before its call, ``"pause"`` are seconds between streamed words. Each request
is one line of the log: ``{"path", "body", "answer"}``, where ``answer`` names script and step.
"""

import argparse
import contextlib
import gzip
import json
import os
import re
import shlex
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
MARKER = re.compile(r"\[\[([A-Za-z0-9_-]+)\]\]")
STEP, WAIT = "step", "wait"
RUNNING = re.compile(r"Process running with session ID (\d+)")
LOCK = threading.Lock()


def text_of(content: Any) -> str:
    """All text of a message's or a result's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts: list[Json] = content or []
    return "".join(str(part.get("text", "")) for part in parts)


def find_script(items: list[Json]) -> tuple[str, list[Json]] | None:
    """The name in the newest marked user message, and the items after that message."""
    for index in range(len(items) - 1, -1, -1):
        if items[index].get("role") == "user":
            found = MARKER.findall(text_of(items[index].get("content")))
            if found:
                return found[-1], items[index + 1 :]
    return None


def results(items: list[Json], prefix: str = "") -> list[Json]:
    """Results of those of our calls whose id begins with ``prefix``."""
    return [item for item in items if is_result(item) and str(item.get("call_id", "")).startswith(prefix)]


def recap(items: list[Json]) -> str:
    """Everything that the request carried, as one JSON object."""
    prompts = [text_of(item.get("content")) for item in items if item.get("role") == "user"]
    calls = [str(item.get("arguments", item.get("input"))) for item in items if is_call(item)]
    outputs = [text_of(item.get("output")) for item in items if is_result(item)]
    said = [text_of(item.get("content")) for item in items if item.get("role") == "assistant"]
    markers = [name for prompt in prompts for name in MARKER.findall(prompt)]
    return json.dumps({"markers": markers, "prompts": prompts, "calls": calls, "results": outputs, "said": said})


def is_call(item: Json) -> bool:
    return str(item.get("type", "")).endswith("_call")


def is_result(item: Json) -> bool:
    return str(item.get("type", "")).endswith("_call_output")


def patch(step: Json) -> str:
    """The step's change in Codex's patch format."""
    if "add" in step:
        lines = [f"*** Add File: {step['add']}", *("+" + line for line in str(step["content"]).splitlines())]
    else:
        old = ["-" + line for line in str(step["old"]).splitlines()]
        new = ["+" + line for line in str(step["new"]).splitlines()]
        lines = [f"*** Update File: {step['edit']}", "@@", *old, *new]
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch"])


def call(step: Json, tools: set[str]) -> Json | None:
    """The output item of a step's tool call without its id, or ``None`` if the step only speaks."""
    if "plan" in step:
        plan = [{"step": what, "status": status} for what, status in step["plan"]]
        return function("update_plan", {"plan": plan})
    if "read" in step:
        return shell("cat -- " + shlex.quote(step["read"]), step)
    if "shell" in step:
        return shell(step["shell"], step)
    if "edit" in step or "add" in step:
        if "apply_patch" in tools:
            return {"type": "custom_tool_call", "name": "apply_patch", "input": patch(step), "status": "completed"}
        return shell(f"apply_patch <<'PATCH'\n{patch(step)}\nPATCH", step)
    return None


def shell(command: str, step: Json) -> Json:
    return function("exec_command", {"cmd": command, "yield_time_ms": int(step.get("seconds", 20)) * 1000})


def function(name: str, arguments: Json) -> Json:
    return {"type": "function_call", "name": name, "arguments": json.dumps(arguments), "status": "completed"}


def choose(body: Json, scripts: Path) -> tuple[str, Json]:
    """What to answer to a request: the answer's name for the log, and the step."""
    items: list[Json] = body.get("input", [])
    if not body.get("tools"):
        return "untooled", {"text": "A scripted title"}
    found = find_script(items)
    if found is None:
        return "unmarked", {"text": "I am a scripted model and know no script for this."}
    name, after = found
    steps = json.loads((scripts / f"{name}.json").read_text("utf-8"))
    seen = results(after)
    running = RUNNING.search(text_of(seen[-1].get("output"))) if seen else None
    if running:
        return f"{name}:wait", {"wait": int(running[1])}
    number = len(results(after, STEP))
    if number >= len(steps):
        return f"{name}:end", {"text": "The script is at its end."}
    step = steps[number]
    return f"{name}:{number}", {"text": recap(items)} if "recap" in step else step


def output_items(step: Json, body: Json) -> Iterator[Json]:
    """The items that a model's response holds for ``step``."""
    unique = f"{len(body.get('input', []))}"
    words = step.get("text", step.get("say"))
    if words:
        part: Json = {"type": "output_text", "text": words, "annotations": []}
        yield {"id": f"msg_{unique}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    if "wait" in step:
        waiting = {"session_id": step["wait"], "chars": "", "yield_time_ms": 20_000}
        yield {"id": f"fc_{unique}", "call_id": f"{WAIT}_{unique}", **function("write_stdin", waiting)}
    tools: list[Json] = body.get("tools") or []
    offered = {str(tool.get("name", "")) for tool in tools if tool.get("type") == "custom"}
    if item := call(step, offered):
        yield {"id": f"fc_{unique}", "call_id": f"{STEP}_{unique}", **item}


def events(step: Json, body: Json) -> Iterator[Json]:
    """The response as the API's stream of events."""
    head: Json = {
        "id": f"resp_{len(body.get('input', []))}",
        "object": "response",
        "model": body.get("model"),
        "output": [],
    }
    yield {"type": "response.created", "response": {**head, "status": "in_progress"}}
    done: list[Json] = []
    for index, item in enumerate(output_items(step, body)):
        where = {"item_id": item["id"], "output_index": index}
        begun = {**item, "status": "in_progress"}
        if item["type"] == "message":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**begun, "content": []}}
            yield from message_events(item, where, float(step.get("pause", 0)))
        else:
            yield {"type": "response.output_item.added", "output_index": index, "item": begun}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
        done.append(item)
    size, said = len(json.dumps(body)) // 4, len(json.dumps(done)) // 4
    usage = {
        "input_tokens": size,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": size + said,
    }
    yield {
        "type": "response.completed",
        "response": {**head, "status": "completed", "output": done, "usage": usage},
    }


def message_events(item: Json, where: Json, pause: float) -> Iterator[Json]:
    """A message, streamed word by word with ``pause`` seconds before each, or in larger pieces without."""
    part, at = item["content"][0], {**where, "content_index": 0}
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}
    words: list[str] = re.findall(r"\s*\S+|\s+$", part["text"])
    pieces = words if pause else ["".join(words[i : i + 8]) for i in range(0, len(words), 8)]
    for word in pieces:
        time.sleep(pause)
        yield {"type": "response.output_text.delta", **at, "delta": word}
    yield {"type": "response.output_text.done", **at, "text": part["text"]}
    yield {"type": "response.content_part.done", **at, "part": part}


class Handler(BaseHTTPRequestHandler):
    """One request; the server's ``scripts`` and ``log`` are set by `main`."""

    protocol_version = "HTTP/1.1"
    scripts: Path
    log: Path

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: the log file has it all."""

    def do_HEAD(self) -> None:
        self._reply(200, {})

    def do_GET(self) -> None:
        known = [{"id": "mock-model", "object": "model", "created": 0, "owned_by": "test"}]
        self._note({"path": self.path, "body": None, "answer": "models"})
        self._reply(200 if self.path.split("?")[0].endswith("/models") else 404, {"object": "list", "data": known})

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self._reply(415, {"error": {"message": "This double reads plain and gzip bodies only."}})
            return
        answer, step = choose(body, self.scripts)
        self._note({"path": self.path, "body": body, "answer": answer})
        if "status" in step:
            self._reply(int(step["status"]), {"error": {"message": "a scripted failure"}})
            return
        # Tests kill agents and cancel turns: then nobody listens any more.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._stream(step, body)

    def _body(self) -> Json | None:
        """The request's JSON, whatever its framing; ``None`` for an encoding that we cannot read."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding not in ("identity", "gzip"):
            return None
        return json.loads(gzip.decompress(raw) if encoding == "gzip" else raw)

    def _stream(self, step: Json, body: Json) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, event in enumerate(events(step, body)):
            data = json.dumps({**event, "sequence_number": number})
            self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
            self.wfile.flush()

    def _reply(self, status: int, value: Json) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _note(self, record: Json) -> None:
        with LOCK, self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A scripted double of a model behind the Responses API.")
    parser.add_argument("--port", type=int, default=0)
    for name in ("--scripts", "--ready-file", "--log"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    Handler.scripts, Handler.log = given.scripts, given.log
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    server.daemon_threads = True
    complete: Path = given.ready_file.with_name(given.ready_file.name + ".new")
    complete.write_text(json.dumps({"port": server.server_address[1], "pid": os.getpid()}), "utf-8")
    complete.replace(given.ready_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
