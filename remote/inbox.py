"""The demo's phone: a tiny HTTP receiver on the loopback address for Apprise's ``json://`` messages.

    python -I -m remote.inbox --ready-file FILE --store FILE

Each message becomes one JSON line of the store; `read_inbox` reads them back.
"""

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.durable import write_record
from agent.events import Frozen

_LIMIT = 64 * 1024
"""Bytes of a message: more is no notification."""


class Message(Frozen):
    """A notification as it arrived, at the Unix time ``at``. Its text is untrusted."""

    at: float
    title: str
    body: str


def read_inbox(path: Path) -> tuple[Message, ...]:
    """The messages in a store, oldest first; none if there is no store. A line that is being written is left out."""
    if not path.exists():
        return ()
    lines = path.read_bytes().split(b"\n")[:-1]
    return tuple(message for line in lines if (message := _parse(line)) is not None)


def _parse(line: bytes) -> Message | None:
    try:
        return Message.model_validate_json(line)
    except ValidationError:
        return None  # a line torn by a crash, completed by the next one


class _Receiver(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, store: Path) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._store = store

    def keep(self, title: str, body: str) -> None:
        """Append one message, in one write, so that messages at the same time do not mix."""
        line = Message(at=time.time(), title=title, body=body).model_dump_json().encode() + b"\n"
        descriptor = os.open(self._store, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver  # pyright: ignore[reportIncompatibleVariableOverride]  # only a _Receiver uses this class
    timeout = 10.0

    def do_GET(self) -> None:
        """Say that it is there."""
        self._answer(200)

    def do_POST(self) -> None:
        """Take one message."""
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _LIMIT:
            self._answer(413)
            return
        try:
            content: Any = json.loads(self.rfile.read(int(size)))
            self.server.keep(str(content["title"]), str(content["message"]))
        except (ValueError, KeyError, TypeError):
            self._answer(400)
            return
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed; once it listens, the ready file holds ``{"port": N, "pid": N}``."""
    parser = argparse.ArgumentParser(prog="remote.inbox", description="Receives the demo's notifications.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="written when it listens")
    parser.add_argument("--store", type=Path, required=True, help="where messages are appended")
    options = parser.parse_args()
    with _Receiver(options.port, options.store) as server:
        ready = {"port": server.server_address[1], "pid": os.getpid()}
        write_record(options.ready_file, json.dumps(ready).encode())
        server.serve_forever()


if __name__ == "__main__":
    main()
