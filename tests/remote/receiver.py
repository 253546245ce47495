"""A real HTTP receiver on a loopback port that keeps what it gets and answers as it is told."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """``answers`` are the statuses of the next requests, then 200; ``gate`` holds requests back while it is clear."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers: list[int] = []
        self.tried: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()

    def url(self, path: str = "hook") -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]  # it is only ever used by a Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tried.append(body)
        self.server.gate.wait(20)
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.messages.append(body)
        try:
            self.send_response(status)
            self.end_headers()
        except OSError:
            return  # the sender has gone

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def run_receiver() -> Generator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.gate.set()
            server.shutdown()
            thread.join()
