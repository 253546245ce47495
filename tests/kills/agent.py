"""The cheapest agent there is: one turn is one line in a file of its tree, in some thirty milliseconds."""

# Without a brace: a profile's words hold none but castoff's own.
_PROGRAM = """
import json, os, pathlib, sys
kept = pathlib.Path(os.environ["HOME"], ".cheap")
kept.mkdir(exist_ok=True)
def send(**message):
    print(json.dumps(dict(jsonrpc="2.0", **message)), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, given, number = message.get("method"), message.get("params") or dict(), message.get("id")
    if method == "initialize":
        send(id=number, result=dict(protocolVersion=1, agentCapabilities=dict(loadSession=True)))
    elif method == "session/new":
        (kept / "cheap-session.txt").touch()
        send(id=number, result=dict(sessionId="cheap-session"))
    elif method == "session/prompt":
        text = given["prompt"][0]["text"].splitlines()[-1]
        with open("log.txt", "a") as log:
            log.write(text + chr(10))
        with open(kept / "cheap-session.txt", "a") as log:
            log.write(text + chr(10))
        words = dict(sessionUpdate="agent_message_chunk", content=dict(type="text", text="Done: " + text))
        send(method="session/update", params=dict(sessionId="cheap-session", update=words))
        send(id=number, result=dict(stopReason="end_turn"))
    elif method and number is not None:
        send(id=number, result=dict())
"""
PROFILE = f"""
name = "cheap"
title = "Cheap"
launch = ["{{python}}", "-I", "-c", '''{_PROGRAM}''']
session_files = [".cheap/{{sid}}.txt"]
resume = ["load"]
replays = false
usage = "none"
install = "It is a double for tests."
"""
