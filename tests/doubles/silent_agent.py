#!/usr/bin/env python3
"""An agent that calls its model again and again, and tells nothing of what that takes.

Speaks the Agent Client Protocol on stdio; standard library only. ``silent_agent.py SOCKET PATH CALLS``: it asks at PATH
of the gate that listens at SOCKET, CALLS times in a turn, or until the turn is cancelled.
"""

import json
import queue
import socket
import sys
import threading
from typing import Any


def send(**message: Any) -> None:
    """Say it to the client."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def ask_model(gate: str, path: str) -> None:
    """One call, its answer read to the end."""
    body = b'{"stream": true}'
    with socket.socket(socket.AF_UNIX) as far:
        far.connect(gate)
        head = f"POST {path} HTTP/1.1\r\nHost: gate\r\nAccept-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        far.sendall(head.encode() + body)
        while far.recv(1 << 16):
            pass


def main() -> None:
    """Answer requests until the input ends."""
    gate, path, calls = sys.argv[1:]
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled = threading.Event()

    def hear() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if message.get("method") == "session/cancel":
                cancelled.set()
            heard.put(message)
        heard.put({})

    threading.Thread(target=hear, daemon=True).start()
    while message := heard.get():
        result: dict[str, Any] = {}
        match message.get("method"):
            case "initialize":
                result = {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}
            case "session/new":
                result = {"sessionId": "s"}
            case "session/prompt":
                cancelled.clear()
                for _ in range(int(calls)):
                    if not cancelled.is_set():
                        ask_model(gate, path)
                result = {"stopReason": "cancelled" if cancelled.is_set() else "end_turn"}
            case _:
                pass
        if "id" in message:
            send(id=message["id"], result=result)


if __name__ == "__main__":
    main()
