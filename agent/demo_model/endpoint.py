"""The HTTP side: one handler for every scripted model, on the loopback address only."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from agent.demo_model import chat
from agent.demo_model.reply import Reply

Respond = Callable[[dict[str, Any]], Reply]
_BODY_LIMIT = 256 * 1024 * 1024


class Endpoint(ThreadingHTTPServer):
    """A server that answers each chat request with ``respond(request)``, at ``pace`` times the written pauses."""

    def __init__(self, respond: Respond, *, name: str, port: int = 0, pace: float = 1.0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.respond = respond
        self.name = name
        self.pace = pace
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def shutdown(self) -> None:
        """Stop, and cut pauses short."""
        self.closing.set()
        super().shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _endpoint(self) -> Endpoint:
        return cast("Endpoint", self.server)

    def do_HEAD(self) -> None:
        """Say that we are here."""
        self._head(200, "application/json", 0)

    def do_GET(self) -> None:
        """List the one model."""
        if self.path.split("?")[0].rstrip("/") == "/v1/models":
            self._json(200, chat.models(self._endpoint.name))
        else:
            self._json(404, chat.error(404, f"there is nothing at {self.path}"))

    def do_POST(self) -> None:
        """Answer a chat request."""
        if self.path.split("?")[0].rstrip("/") != "/v1/chat/completions":
            self._json(404, chat.error(404, f"there is nothing at {self.path}: only /v1/chat/completions"))
            return
        try:
            request: object = json.loads(self._body())
        except ValueError as error:
            self._json(400, chat.error(400, f"the request cannot be read: {error}"))
            return
        if not isinstance(request, dict):
            self._json(400, chat.error(400, "the request is not an object"))
            return
        try:
            self._answer(cast("dict[str, Any]", request))
        except ConnectionError:
            self.close_connection = True  # the client hung up: cancelled, or killed

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: standard error may be a terminal."""

    def _answer(self, request: dict[str, Any]) -> None:
        reply = self._endpoint.respond(request)
        if reply.status != 200:
            self._json(reply.status, chat.error(reply.status, reply.text), reply.headers)
        elif request.get("stream"):
            self._stream(reply, request)
        else:
            self._wait(reply.pause)
            self._json(200, chat.completion(reply, request))

    def _stream(self, reply: Reply, request: dict[str, Any]) -> None:
        self._head(200, "text/event-stream", None)
        for index, (seconds, chunk) in enumerate(chat.chunks(reply, request)):
            if reply.break_after is not None and index > reply.break_after:
                self.close_connection = True
                return
            self._wait(seconds)
            self._event(json.dumps(chunk, ensure_ascii=False))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def _wait(self, seconds: float) -> None:
        if seconds * self._endpoint.pace > 0:
            self._endpoint.closing.wait(seconds * self._endpoint.pace)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return self._chunked_body()
        length = int(self.headers.get("Content-Length", "0"))
        if not 0 <= length <= _BODY_LIMIT:
            raise ValueError("its length is not possible")
        return self.rfile.read(length)

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(body) + size > _BODY_LIMIT:
                raise ValueError("it is too long")
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _json(self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        self._head(status, "application/json", len(body), headers)
        self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int | None, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
