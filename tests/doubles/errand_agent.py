#!/usr/bin/env python3
"""The smallest agent: it does the shell script in a prompt's ``[[do: ...]]``, and knows its sessions again.

Speaks the Agent Client Protocol on stdio; standard library only. The script runs in the session's working directory,
and with ``$AGENT`` as the directory that this file lies in. `PROFILE` is what castoff has to know of it.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

PROFILE = """\
name = "errand"
title = "Errand agent"
launch = ["errand_agent.py"]
find = ["errand/errand_agent.py"]
session_files = [".errand/{sid}.json"]
resume = ["load"]
usage = "none"
install = "Copy it."
"""


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of one request."""
    sessions = Path.home() / ".errand"
    match method:
        case "initialize":
            return {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}, "authMethods": []}
        case "session/new":
            sessions.mkdir(exist_ok=True)
            sid = uuid.uuid4().hex
            (sessions / f"{sid}.json").write_text(json.dumps({"cwd": params["cwd"]}))
            return {"sessionId": sid}
        case "session/load":
            kept = json.loads((sessions / f"{params['sessionId']}.json").read_bytes())
            said = {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": kept.get("last", "")}}
            send(method="session/update", params={"sessionId": params["sessionId"], "update": said})
            return {}
        case "session/prompt":
            text = "".join(part.get("text", "") for part in params["prompt"])
            record = sessions / f"{params['sessionId']}.json"
            kept = json.loads(record.read_text())
            found = re.search(r"\[\[do: (.*?)\]\]", text, re.DOTALL)
            # It knows what it was given: a prompt that is only quoted to it is done if it had not come before.
            if found and not ("may not have been given" in text and kept.get("last") == found[1]):
                record.write_text(json.dumps({**kept, "last": found[1]}))
                do(found[1], kept["cwd"])
            return {"stopReason": "end_turn"}
        case _:
            return {}


def do(script: str, cwd: str) -> None:
    """Run it; what it says goes to standard error, and with a status that is not 0 this agent ends."""
    env = {**os.environ, "AGENT": str(Path(__file__).resolve().parent)}
    subprocess.run(["/bin/sh", "-euc", script], cwd=cwd, env=env, check=True, stdin=subprocess.DEVNULL, stdout=2)


def main() -> None:
    """Answer requests until the input ends."""
    for line in sys.stdin:
        frame = json.loads(line)
        if "id" in frame and "method" in frame:
            result = answer(frame["method"], frame.get("params") or {})
            send(id=frame["id"], result=result)


if __name__ == "__main__":
    main()
