"""A double of an ntfy server, after its public documentation (docs.ntfy.sh/publish, as of 2026): no ntfy runs here.

Messages are published as JSON by POST to /, with X-Priority, X-Click and X-Actions as headers; a message whose
``message`` is longer than 4,096 bytes is refused, as the real server makes an attachment of it.
"""

import json
import threading
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

    def url(self, topic: str, query: str = "") -> str:
        return f"ntfy://127.0.0.1:{self.server_address[1]}/{topic}{query}"


class _Handler(BaseHTTPRequestHandler):
    server: NtfyDouble  # pyright: ignore[reportIncompatibleVariableOverride]  # only an NtfyDouble uses it

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
        self.send_response(200 if fits else 413)
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
