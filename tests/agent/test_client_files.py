"""Files that an agent asks its client for, over the wire."""

import sys
from pathlib import Path

from agent.blocks import TextBlock
from agent.sessions import SessionDir
from tests.agent.running import Place
from tests.doubles.openai_model import serving

AGENT = """
import json, os, sys

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
        case "session/new":
            send(id=message["id"], result={"sessionId": "s"})
        case "session/set_mode":
            send(id=message["id"], result={})
        case "session/prompt":
            turn = message["id"]
            params = {"sessionId": "s", "path": os.path.join(os.getcwd(), "file"), "line": 2, "limit": 1}
            send(id=100, method="fs/read_text_file", params=params)
        case None:
            content = {"type": "text", "text": message["result"]["content"]}
            update = {"sessionUpdate": "agent_message_chunk", "content": content}
            send(method="session/update", params={"sessionId": "s", "update": update})
            send(id=turn, result={"stopReason": "end_turn"})
"""


async def test_lines_end_at_newlines_alone(own_session: SessionDir, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "file").write_bytes("one\fand\u2028more\r\ntwo\x85\r\nthree\n".encode())
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        place = Place(own_session, tree, model)
        async with place.running(place.duty([sys.executable, "-I", "-c", AGENT])) as run:
            await run.viewer.prompt("Read")
            state = await run.until_phase("finished")
    assert [b.text for b in state.blocks if isinstance(b, TextBlock)] == ["two\x85\r\n"]
