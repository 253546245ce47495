"""A double of a model behind Anthropic's Messages, OpenAI's Chat Completions and Responses, and the Gemini API.

``python -I agents_model.py --scripts DIR --ready-file FILE --log FILE``; standard library only. As `responses_model` it
keeps no state: a user text holding ``[[NAME]]`` chooses the script ``DIR/NAME.json``, the newest such text counts, and
the number of tool results after it says which step is next. A script is a list of steps, each an object:

    {"read": "/path"} {"shell": "command"} {"edit": "/path", "old": "a", "new": "b"}     a call of the agent's own tool
    {"text": "..."}                                                                      a message; it ends the turn

An edit may say the ``whole`` text that comes of it, for an agent that can only write files. Codex has a shell only: it
reads by a command, and edits whole lines by its own patches.

Each request for an answer is one line of the log: ``{"path", "items", "answer", "keys"}``; the items are the
conversation that it carried, without what depends on the API: ``[kind, text]`` with the kinds user, said, call and
result; the keys are what its headers hold of them.
"""

import argparse
import contextlib
import gzip
import json
import re
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Item = list[str]
MARKER = re.compile(r"\[\[([A-Za-z0-9_-]+)\]\]")
LOCK = threading.Lock()
MODEL = "mock-model"
"""What answers call their model; no price list knows it, unless ``--model`` names another one."""
KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")

TOOLS = {
    "read": ("Read", "read_file", "read", "read_text_file"),
    "edit": ("Edit", "replace", "edit", "write_text_file"),
    "shell": ("Bash", "run_shell_command", "bash", "exec_command"),
}
"""What the agents call their tools; the first that is offered is called."""
ARGUMENTS = {
    "path": ("file_path", "filePath", "absolute_path", "path"),
    "old": ("old_string", "oldString"),
    "new": ("new_string", "newString"),
    "whole": ("content",),
    "command": ("command", "cmd"),
}
"""What the tools call their arguments."""


def as_list(value: Any) -> list[Json]:
    """Content is a string, or a list of parts."""
    return [{"type": "text", "text": value}] if isinstance(value, str) else list(value or [])


def text_of(value: Any) -> str:
    """All text of content."""
    return "".join(str(part.get("text", "")) for part in as_list(value))


def read_messages(body: Json) -> Iterator[Item]:
    """The conversation of a request to the Messages API."""
    for message in body.get("messages", []):
        speaker = "user" if message["role"] == "user" else "said"
        for part in as_list(message["content"]):
            match part.get("type"):
                case "text":
                    yield [speaker, part["text"]]
                case "tool_use":
                    yield ["call", f"{part['id']} {json.dumps(part['input'], sort_keys=True)}"]
                case "tool_result":
                    yield ["result", f"{part['tool_use_id']} {text_of(part.get('content'))}"]
                case _:
                    pass


def read_chat(body: Json) -> Iterator[Item]:
    """The conversation of a request to the Chat Completions API."""
    for message in body.get("messages", []):
        match message["role"]:
            case "user":
                yield from (["user", str(part.get("text", ""))] for part in as_list(message["content"]))
            case "tool":
                yield ["result", f"{message['tool_call_id']} {text_of(message['content'])}"]
            case "assistant":
                if said := text_of(message.get("content")):
                    yield ["said", said]
                for call in as_list(message.get("tool_calls")):
                    given = json.dumps(json.loads(call["function"]["arguments"] or "{}"), sort_keys=True)
                    yield ["call", f"{call['id']} {given}"]
            case _:
                pass


def read_responses(body: Json) -> Iterator[Item]:
    """The conversation of a request to the Responses API."""
    for item in body.get("input", []):
        match item.get("type", "message"):
            case "message" if item["role"] in ("user", "assistant"):
                yield ["user" if item["role"] == "user" else "said", text_of(item["content"])]
            case "function_call":
                yield ["call", f"{item['call_id']} {item['arguments']}"]
            case "function_call_output":
                yield ["result", f"{item['call_id']} {text_of(item['output'])}"]
            case _:
                pass


def read_gemini(body: Json) -> Iterator[Item]:
    """The conversation of a request to the Gemini API."""
    for content in body.get("contents", []):
        for part in content.get("parts", []):
            if "functionCall" in part:
                yield ["call", json.dumps(part["functionCall"].get("args"), sort_keys=True)]
            elif "functionResponse" in part:
                yield ["result", json.dumps(part["functionResponse"].get("response"), sort_keys=True)]
            elif "text" in part:
                yield ["user" if content.get("role") == "user" else "said", part["text"]]


def offered_tools(body: Json) -> dict[str, Json]:
    """The JSON schema of each tool's arguments, by name, whichever API it is."""
    found: dict[str, Json] = {}
    for tool in as_list(body.get("tools")):
        for one in as_list(tool.get("functionDeclarations")) or [tool.get("function") or tool]:
            if "name" in one:
                found[one["name"]] = (
                    one.get("input_schema") or one.get("parametersJsonSchema") or one.get("parameters") or {}
                )
    return found


def choose(items: list[Item], tools: dict[str, Json], scripts: Path) -> tuple[str, Json]:
    """What to answer: its name for the log, and the step."""
    if not tools:
        return "untooled", {"text": "A scripted title"}
    marked = [at for at, (kind, text) in enumerate(items) if kind == "user" and MARKER.search(text)]
    if not marked:
        return "unmarked", {"text": "I am a scripted model and know no script for this."}
    name = MARKER.findall(items[marked[-1]][1])[-1]
    steps: list[Json] = json.loads((scripts / f"{name}.json").read_text("utf-8"))
    # Gemini tells each result twice in a conversation that it has loaded; a call that was cut off may have none.
    after = [kind for kind, _ in items[marked[-1] + 1 :]]
    number = min(after.count("call"), after.count("result"))
    return (f"{name}:{number}", steps[number]) if number < len(steps) else (f"{name}:end", {"text": "It is done."})


def as_command(kind: str, step: Json) -> Json:
    """The same step for an agent that has a shell and nothing else."""
    if kind == "read":
        return {"shell": f"cat -- {shlex.quote(step['read'])}"}
    if kind == "edit":
        changed = (sign + line for sign, word in (("-", "old"), ("+", "new")) for line in step[word].splitlines())
        lines = ["*** Begin Patch", f"*** Update File: {step['edit']}", "@@", *changed, "*** End Patch"]
        return {"shell": "\n".join(["apply_patch <<'PATCH'", *lines, "PATCH"])}
    return step


def tool_call(step: Json, tools: dict[str, Json]) -> tuple[str, Json] | None:
    """The tool's name and its arguments, or ``None`` if the step only speaks."""
    kind = next((kind for kind in TOOLS if kind in step), None)
    if kind is None:
        return None
    if not any(name in tools for name in TOOLS[kind]):
        kind, step = "shell", as_command(kind, step)
    name = next(name for name in TOOLS[kind] if name in tools)
    given = {"command": step["shell"]} if kind == "shell" else {"path": step[kind]}
    given |= {word: step[word] for word in ("old", "new", "whole") if word in step}
    known: Json = tools[name].get("properties", {})
    arguments = {each: value for word, value in given.items() for each in ARGUMENTS[word] if each in known}
    if "yield_time_ms" in known:
        arguments["yield_time_ms"] = 30_000  # what it goes on after, whether or not the command has ended
    for needed in tools[name].get("required", []):
        arguments.setdefault(needed, False if known[needed].get("type") == "boolean" else "as scripted")
    return name, arguments


def messages_reply(unique: str, step: Json, tools: dict[str, Json]) -> Json:
    """The whole message that answers a request to the Messages API."""
    content: list[Json] = [{"type": "text", "text": step["text"]}] if "text" in step else []
    called = tool_call(step, tools)
    if called:
        content.append({"type": "tool_use", "id": f"toolu_{unique}", "name": called[0], "input": called[1]})
    return {
        "id": f"msg_{unique}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }


def messages_events(reply: Json) -> Iterator[Json]:
    """The same as the API's stream of events."""
    yield {"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}}
    for index, block in enumerate(reply["content"]):
        if block["type"] == "text":
            begun: Json = {**block, "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            begun = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reply["stop_reason"], "stop_sequence": None},
        "usage": reply["usage"],
    }
    yield {"type": "message_stop"}


def chat_message(unique: str, step: Json, tools: dict[str, Json]) -> tuple[Json, str]:
    """The message that answers a request to the Chat Completions API, and why it ends."""
    called = tool_call(step, tools)
    message: Json = {"role": "assistant", "content": step.get("text")}
    if called:
        function = {"name": called[0], "arguments": json.dumps(called[1])}
        message["tool_calls"] = [{"index": 0, "id": f"call_{unique}", "type": "function", "function": function}]
    return message, "tool_calls" if called else "stop"


def chat_chunks(unique: str, message: Json, reason: str) -> Iterator[Json]:
    """The same as chunks of a stream; the last one has the usage and no choice."""
    head: Json = {"id": f"chatcmpl-{unique}", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    yield {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {**head, "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}


def responses_events(unique: str, step: Json, tools: dict[str, Json]) -> Iterator[Json]:
    """The answer to a request to the Responses API, as its stream of events."""
    called = tool_call(step, tools)
    if called:
        function = {"name": called[0], "arguments": json.dumps(called[1]), "call_id": f"call_{unique}"}
        item: Json = {"id": f"fc_{unique}", "type": "function_call", "status": "completed", **function}
        begun: Json = {**item, "status": "in_progress"}
    else:
        part = {"type": "output_text", "text": step["text"], "annotations": list[Json]()}
        item = {"id": f"msg_{unique}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        begun = {**item, "status": "in_progress", "content": []}
    head: Json = {"id": f"resp_{unique}", "object": "response", "model": MODEL, "output": []}
    yield {"type": "response.created", "response": {**head, "status": "in_progress"}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    if not called:
        where: Json = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        yield {"type": "response.content_part.added", **where, "part": {**item["content"][0], "text": ""}}
        yield {"type": "response.output_text.delta", **where, "delta": step["text"]}
        yield {"type": "response.output_text.done", **where, "text": step["text"]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    yield {"type": "response.completed", "response": {**head, "status": "completed", "output": [item], "usage": usage}}


def gemini_reply(step: Json, tools: dict[str, Json]) -> Json:
    """The one chunk that answers a request to the Gemini API."""
    called = tool_call(step, tools)
    part: Json = {"functionCall": {"name": called[0], "args": called[1]}} if called else {"text": step["text"]}
    return {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
        "modelVersion": MODEL,
    }


class Handler(BaseHTTPRequestHandler):
    """One request; the class's ``scripts`` and ``log`` are set by `main`."""

    protocol_version = "HTTP/1.1"
    scripts: Path
    log: Path

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr: the log file has it all."""

    def do_HEAD(self) -> None:
        self._reply({})

    def do_GET(self) -> None:
        self._reply({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        body, path = self._body(), self.path.split("?")[0]
        # Tests kill agents and cancel turns: then nobody listens any more.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if path.endswith("/count_tokens"):
                self._reply({"input_tokens": 100})
            elif path.endswith(":countTokens"):
                self._reply({"totalTokens": 100})
            elif path.endswith("/messages"):
                self._answer_messages(body)
            elif path.endswith("/chat/completions"):
                self._answer_chat(body)
            elif path.endswith("/responses"):
                self._answer_responses(body)
            elif "enerateContent" in path:
                self._answer_gemini(body)
            else:
                self._reply({})

    def _answer_messages(self, body: Json) -> None:
        step, unique = self._decide(list(read_messages(body)), body)
        reply = messages_reply(unique, step, offered_tools(body))
        if body.get("stream"):
            self._stream(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in messages_events(reply))
        else:
            self._reply(reply)

    def _answer_chat(self, body: Json) -> None:
        step, unique = self._decide(list(read_chat(body)), body)
        message, reason = chat_message(unique, step, offered_tools(body))
        if body.get("stream"):
            chunks = [*map(json.dumps, chat_chunks(unique, message, reason)), "[DONE]"]
            self._stream(f"data: {each}\n\n" for each in chunks)
        else:
            choices = [{"index": 0, "message": message, "finish_reason": reason}]
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            self._reply(
                {"id": unique, "object": "chat.completion", "created": 0, "model": MODEL}
                | {"choices": choices, "usage": usage}
            )

    def _answer_responses(self, body: Json) -> None:
        step, unique = self._decide(list(read_responses(body)), body)
        events = enumerate(responses_events(unique, step, offered_tools(body)))
        told = ((each["type"], {**each, "sequence_number": number}) for number, each in events)
        self._stream(f"event: {kind}\ndata: {json.dumps(each)}\n\n" for kind, each in told)

    def _answer_gemini(self, body: Json) -> None:
        if body.get("generationConfig", {}).get("responseMimeType") == "application/json":
            reply = gemini_reply({"text": "{}"}, {})
        else:
            reply = gemini_reply(self._decide(list(read_gemini(body)), body)[0], offered_tools(body))
        if ":stream" in self.path:
            self._stream([f"data: {json.dumps(reply)}\n\n"])
        else:
            self._reply(reply)

    def _decide(self, items: list[Item], body: Json) -> tuple[Json, str]:
        """Note the request; returns the step, and an id that no other answer of the conversation has."""
        answer, step = choose(items, offered_tools(body), self.scripts)
        with LOCK, self.log.open("a", encoding="utf-8") as log:
            keys = [value for name, value in self.headers.items() if name.lower() in KEY_HEADERS]
            log.write(json.dumps({"path": self.path, "items": items, "answer": answer, "keys": keys}) + "\n")
        return step, str(len(items))

    def _body(self) -> Json:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return json.loads(gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw or b"{}")

    def _stream(self, parts: Iterator[str] | list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for part in parts:
            self.wfile.write(part.encode())
            self.wfile.flush()

    def _reply(self, value: Json) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A scripted double of a model, for real agents.")
    for name in ("--scripts", "--ready-file", "--log"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--model", default=MODEL)
    given = parser.parse_args()
    globals()["MODEL"] = given.model
    Handler.scripts, Handler.log = given.scripts, given.log
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    complete: Path = given.ready_file.with_name(given.ready_file.name + ".new")
    complete.write_text(json.dumps({"port": server.server_address[1]}), "utf-8")
    complete.replace(given.ready_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
