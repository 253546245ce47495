"""An agent whose model, mode and options can be chosen, and that forgets them when its session is taken up again.

Run as ``python -I choosy_agent.py KIND``. modes: it has modes and ``models``, as Gemini CLI. options: it has
configuration options alone, as OpenCode, one of them a switch, one that says of no category. poor: as modes, and one
model less than before. ``[[MODE]]`` in a prompt makes it take that mode by itself. Each request that turns something is
a line of ``turned`` in its folder, ``METHOD ID VALUE``.
"""

import json
import re
import sys
from pathlib import Path

KIND = sys.argv[1]
MODES = ("default", "plan", "edits", "yolo", "new")
MODELS = {"small-1": "Small", "big-2": "Big"} if KIND != "poor" else {"small-1": "Small"}
now: dict[str, object] = {"mode": "edits", "model": "small-1", "fast": False, "leave": "asks"}


def send(**message: object) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def update(**fields: object) -> None:
    send(method="session/update", params={"sessionId": "s", "update": fields})


def select(name: str, category: str | None, values: dict[str, str]) -> dict[str, object]:
    options = [{"value": value, "name": shown} for value, shown in values.items()]
    said: dict[str, object] = {"category": category} if category else {}
    return said | {"id": name, "name": name.title(), "type": "select", "currentValue": now[name], "options": options}


def options() -> list[dict[str, object]]:
    return [
        select("model", "model", MODELS),
        select("mode", "mode", {mode: mode.title() for mode in MODES}),
        {"id": "fast", "name": "Fast", "category": "model_config", "type": "boolean", "currentValue": now["fast"]},
        select("leave", None, {"asks": "Asks", "takes": "Takes"}),
    ]


def offer() -> dict[str, object]:
    if KIND == "options":
        return {"configOptions": options()}
    modes = [{"id": mode, "name": mode.title()} for mode in MODES]
    models = [{"modelId": model, "name": name, "description": None} for model, name in MODELS.items()]
    return {
        "modes": {"currentModeId": now["mode"], "availableModes": modes},
        "models": {"currentModelId": now["model"], "availableModels": models},
    }


def turn(method: str, name: str, value: object) -> None:
    now[name] = value
    with Path("turned").open("a") as turned:
        turned.write(f"{method} {name} {value}\n")


for line in sys.stdin:
    message = json.loads(line)
    asked, number = message.get("params", {}), message.get("id")
    result: dict[str, object] = {}
    match message.get("method"):
        case "initialize":
            capabilities: dict[str, object] = {"loadSession": True, "sessionCapabilities": {"resume": {}}}
            result = {"protocolVersion": 1, "agentCapabilities": capabilities}
        case "session/new":
            result = {"sessionId": "s", **offer()}
        case "session/resume":
            result = offer()
        case "session/set_mode":
            turn("set_mode", "mode", asked["modeId"])
        case "session/set_model":
            turn("set_model", "model", asked["modelId"])
        case "session/set_config_option":
            turn("set_config_option", asked["configId"], asked["value"])
            result = {"configOptions": options()}
        case "session/prompt":
            if taken := re.search(r"\[\[(\w+)\]\]", asked["prompt"][-1]["text"]):
                now["mode"] = taken[1]
                update(sessionUpdate="current_mode_update", currentModeId=taken[1])
            update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": f"I am {now['model']}."})
            result = {"stopReason": "end_turn"}
        case _:
            continue
    send(id=number, result=result)
