"""A double of an ntfy server, after its public documentation (docs.ntfy.sh/publish, as of 2026): no ntfy runs here.

Messages are published as JSON by POST to /, with X-Priority, X-Click and X-Actions as headers, or as plain text by POST
to the topic; a message whose ``message`` is longer than 4,096 bytes is refused, as the real server makes an attachment
of it. ``GET /topic/json?poll=1&since=`` gives a topic's messages, one JSON object a line. `press` does what the app
does when a button of the kind ``http`` is pressed. ``tokens``, where set, are those that may read a topic.
"""

import json
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent.events import Frozen

_LIMIT = 4096


class Published(Frozen):
    topic: str
    title: str
    message: str
    priority: str
    click: str
    actions: str
    authorization: str


class NtfyDouble(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.published: list[Published] = []
        self.tokens: set[str] = set()
        self.polled: list[str] = []

    def url(self, topic: str, query: str = "") -> str:
        return f"ntfy://127.0.0.1:{self.server_address[1]}/{topic}{query}"

    def buttons(self, message: Published) -> dict[str, dict[str, str]]:
        """By label, what a button of the message does."""
        found: dict[str, dict[str, str]] = {}
        for action in filter(None, message.actions.split("; ")):
            kind, label, url, *rest = action.split(", ")
            assert kind == "http"
            found[label] = {"url": url, **dict(each.split("=", 1) for each in rest)}
        assert len(found) <= 3, "ntfy shows three"
        return found

    def press(self, message: Published, label: str) -> None:
        """Press a button of a message."""
        button = self.buttons(message)[label]
        headers = {"Authorization": button[name]} if (name := "headers.Authorization") in button else {}
        self.reply(button["url"], button["body"], headers)

    def reply(self, url: str, body: str, headers: dict[str, str] | None = None) -> None:
        """Publish a text."""
        request = urllib.request.Request(url, body.encode(), headers or {}, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


class _Handler(BaseHTTPRequestHandler):
    server: NtfyDouble  # pyright: ignore[reportIncompatibleVariableOverride]  # only an NtfyDouble uses it

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        topic = path.removeprefix("/").removesuffix("/json")
        since = urllib.parse.parse_qs(query)["since"][0]
        self.server.polled.append(topic)
        if (
            self.server.tokens
            and self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.tokens
        ):
            self._answer(403, b"{}")
            return
        rows = [(f"m{number}", each) for number, each in enumerate(self.server.published) if each.topic == topic]
        names = [name for name, _ in rows]
        fresh = rows[names.index(since) + 1 :] if since in names else rows
        lines = [
            json.dumps({"id": name, "event": "message", "topic": topic, "message": each.message})
            for name, each in fresh
        ]
        self._answer(200, "\n".join(lines).encode())

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        topic = re.fullmatch(r"/([-_A-Za-z0-9]{1,64})", self.path)
        content = {"topic": topic[1], "message": data.decode()} if topic else json.loads(data)
        fits = len(content.get("message", "").encode()) <= _LIMIT
        if fits:
            self.server.published.append(
                Published(
                    topic=content["topic"],
                    title=content.get("title", ""),
                    message=content.get("message", ""),
                    priority=self.headers.get("X-Priority", ""),
                    click=self.headers.get("X-Click", ""),
                    actions=self.headers.get("X-Actions", ""),
                    authorization=self.headers.get("Authorization", ""),
                )
            )
        body = b'{"id":"x","event":"message"}' if fits else b'{"code":41301,"http":413}'
        self._answer(200 if fits else 413, body)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def run_ntfy_double() -> Generator[NtfyDouble]:
    with NtfyDouble() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
