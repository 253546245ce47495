"""An agent that spends and does not stop: run as ``python -I reckless_agent.py KIND``.

silent: never says anything. hanging: its child hangs, it answers no cancel and no SIGTERM. deaf: goes on spending,
whatever it is told. looping: makes the same call until
it is stopped. wrong: its cost goes up and down. unpriced: tells of no usage. honest: stops when it is asked to.
Each model call takes 50 ms, costs a cent, and ends with a tool call; ``calls`` in its folder has a line for each.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

KIND = sys.argv[1]
LOCK = threading.Lock()
CANCELLED = threading.Event()


def send(**message: object) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def update(**fields: object) -> None:
    send(method="session/update", params={"sessionId": "s", "update": fields})


def work(turn: object) -> None:
    if KIND == "hanging":
        subprocess.Popen(
            [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"]
        )
        update(sessionUpdate="tool_call", toolCallId="c0", title="Subagent", kind="other", status="in_progress")
    if KIND in ("silent", "hanging"):
        time.sleep(300)
    for number in range(1, 2000):
        time.sleep(0.05)
        if CANCELLED.is_set() and KIND != "deaf":
            break
        with Path("calls").open("a") as calls:
            calls.write(f"{time.time()}\n")
        cost = number * 0.01
        if KIND == "wrong":
            cost = 0.0 if number % 3 == 0 else cost
        if KIND != "unpriced":
            update(sessionUpdate="usage_update", used=100, size=1000, cost={"amount": cost, "currency": "USD"})
        what = 1 if KIND == "looping" else number
        call = {"toolCallId": f"{turn}-{number}", "title": f"Look {what}", "kind": "read", "rawInput": {"at": what}}
        update(sessionUpdate="tool_call", status="in_progress", **call)
        update(sessionUpdate="tool_call_update", toolCallId=f"{turn}-{number}", status="completed")
    send(id=turn, result={"stopReason": "cancelled"})


if KIND in ("hanging", "deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            capabilities = {"loadSession": True}
            send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": capabilities})
        case "session/new":
            send(id=message["id"], result={"sessionId": "s"})
        case "session/set_mode" | "session/load":
            send(id=message["id"], result={})
        case "session/prompt":
            CANCELLED.clear()
            threading.Thread(target=work, args=(message["id"],), daemon=True).start()
        case "session/cancel":
            CANCELLED.set()
        case _:
            pass
