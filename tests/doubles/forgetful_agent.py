#!/usr/bin/env python3
"""An agent that cannot take its sessions up again, in as many ways as there are words: ``forgetful_agent.py KIND``.

refusing: an error. unable: offers no way. feigning: says that it loaded the session, and shows nothing. late: replays
after it said so. unlisted: says that it resumed, and does not list it. listed: lists it, on the second page. other:
says that it resumed, and tells of another session. wordy: refuses, and speaks of that session all the same, when it is
prompted in another one. login: wants a login.

Speaks the Agent Client Protocol on stdio; standard library only. What it is asked stands in ``asked.jsonl`` of the
session's folder; a prompt that ends with ``[[fail]]`` ends it.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

PROFILE = """\
name = "{kind}"
title = "Forgetful agent"
launch = ["forgetful_agent.py", "{kind}"]
find = ["{kind}/forgetful_agent.py"]
session_files = [".forgetful/{{sid}}.json"]
resume = ["resume", "load"]
usage = "session"
settle = 1.5
install = "Copy it."
"""
KIND = sys.argv[1] if len(sys.argv) > 1 else ""
_RESUMING = ("unlisted", "listed", "other")
_LOCK = threading.Lock()


def send(**message: object) -> None:
    with _LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def update(sid: str, **fields: object) -> None:
    send(method="session/update", params={"sessionId": sid, "update": fields})


def say(sid: str, text: str, who: str = "agent") -> None:
    update(sid, sessionUpdate=f"{who}_message_chunk", content={"type": "text", "text": text})


def initialize() -> dict[str, Any]:
    sessions: dict[str, Any] = {"resume": {}} if KIND in _RESUMING else {}
    if KIND in ("unlisted", "listed"):
        sessions["list"] = {}
    capabilities = {"loadSession": KIND not in ("unable", *_RESUMING), "sessionCapabilities": sessions}
    return {"protocolVersion": 1, "agentCapabilities": capabilities, "authMethods": []}


def replay_later(sid: str, text: str) -> None:
    def replay() -> None:
        time.sleep(0.3)
        say(sid, text)

    threading.Thread(target=replay, daemon=True).start()


def take_up(sid: str) -> dict[str, Any]:
    """The result of a resume or a load, or an error."""
    match KIND:
        case "refusing":
            return {"error": {"code": -32002, "message": "Resource not found"}}
        case "wordy":
            return {"error": {"code": -32603, "message": "Internal error"}}
        case "login":
            return {"error": {"code": -32000, "message": "Authentication required"}}
        case "late":
            replay_later(sid, "earlier")
        case "other":
            update("another", sessionUpdate="available_commands_update", availableCommands=[])
        case _:
            pass
    return {"result": {}}


def listed(cursor: str | None, sid: str) -> dict[str, Any]:
    entry = {"sessionId": "some", "cwd": str(Path.cwd())}
    if KIND == "listed" and cursor == "2":
        return {"sessions": [{**entry, "sessionId": sid}]}
    return {"sessions": [entry], **({"nextCursor": "2"} if KIND == "listed" and not cursor else {})}


def prompt(sid: str, params: dict[str, Any], refused: str) -> dict[str, Any]:
    text = "".join(part.get("text", "") for part in params["prompt"])
    with Path("asked.jsonl").open("a") as asked:
        asked.write(json.dumps({"sid": sid, "text": text}) + "\n")
    if text.endswith("[[fail]]"):
        sys.exit("a bad end")
    if KIND == "wordy" and refused:
        say(refused, "not yours any more")
    call = {"toolCallId": f"c{time.time_ns()}", "title": "Edit made.txt", "kind": "edit"}
    update(sid, sessionUpdate="tool_call", status="in_progress", locations=[{"path": "made.txt"}], **call)
    update(sid, sessionUpdate="tool_call_update", toolCallId=call["toolCallId"], status="completed")
    say(sid, "I made it.")
    return {"stopReason": "end_turn", "usage": {"inputTokens": 10, "outputTokens": 1, "totalTokens": 11}}


def main() -> None:
    taken = ""
    for line in sys.stdin:
        frame = json.loads(line)
        if "id" not in frame or "method" not in frame:
            continue
        params: dict[str, Any] = frame.get("params") or {}
        reply: dict[str, Any] = {"result": {}}
        match frame["method"]:
            case "initialize":
                reply = {"result": initialize()}
            case "session/new":
                reply = {"result": {"sessionId": f"s{time.time_ns()}"}}
            case "session/resume" | "session/load":
                taken = params["sessionId"]
                reply = take_up(taken)
            case "session/list":
                reply = {"result": listed(params.get("cursor"), taken)}
            case "session/prompt":
                reply = {"result": prompt(params["sessionId"], params, taken)}
            case _:
                pass
        send(id=frame["id"], **reply)


if __name__ == "__main__":
    main()
