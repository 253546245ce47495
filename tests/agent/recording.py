"""Recorded ACP frames of real agents: made from a session's raw frames, read for tests of the fold.

``python -m tests.agent.recording FRAMES OUT /its/tree=/project /its/home=/home/user`` makes one; a frame is
``{"direction": "incoming" | "outgoing", "frame": {...}}``.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acp import schema

from agent.events import Event, PermissionAnswered, PermissionAsked, Prompted, TurnEnded, TurnStarted
from agent.updates import read_options, read_tool_call, read_update

RECORDED = Path(__file__).parent / "recorded"


def normalise(lines: str, paths: dict[str, str]) -> str:
    """The same frames with paths of the machine replaced, the longest first."""
    for path in sorted(paths, key=len, reverse=True):
        lines = lines.replace(path, paths[path])
    return lines


def read_frames(name: str) -> list[dict[str, Any]]:
    """The frames of ``recorded/NAME.jsonl``."""
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text("utf-8").splitlines()]


def read_recorded(name: str) -> tuple[Event, ...]:
    """The events, numbered from 1, that the runner would have written for a recording."""
    events = _events(read_frames(name))
    return tuple(event.model_copy(update={"seq": seq}) for seq, event in enumerate(events, 1))


def _events(frames: list[dict[str, Any]]) -> Iterator[Event]:
    prompts: dict[Any, str] = {}
    questions: set[Any] = set()
    for record in frames:
        frame: dict[str, Any] = record["frame"]
        method = frame.get("method")
        params: dict[str, Any] = frame.get("params") or {}
        result: dict[str, Any] = frame.get("result") or {}
        if method == "session/prompt":
            prompts[frame["id"]] = prompt_id = f"p{frame['id']}"
            yield Prompted(prompt_id=prompt_id, text="".join(part["text"] for part in params["prompt"]))
            yield TurnStarted(prompt_id=prompt_id)
        elif method == "session/update":
            event = read_update(schema.SessionNotification.model_validate(params).update)
            if event is not None:
                yield event
        elif method == "session/request_permission":
            asked = schema.RequestPermissionRequest.model_validate(params)
            questions.add(frame["id"])
            yield read_tool_call(asked.tool_call)
            options = read_options(asked.options)
            yield PermissionAsked(request_id=f"q{frame['id']}", call_id=asked.tool_call.tool_call_id, options=options)
        elif method is None and record["direction"] == "outgoing" and frame["id"] in questions:
            chosen = result["outcome"].get("optionId")
            yield PermissionAnswered(request_id=f"q{frame['id']}", option_id=chosen, by="policy")
        elif method is None and record["direction"] == "incoming" and frame["id"] in prompts:
            yield TurnEnded(prompt_id=prompts[frame["id"]], stop_reason=result["stopReason"])


def main() -> None:
    """Make a recording from a frames file."""
    frames, out, *pairs = sys.argv[1:]
    paths = dict(pair.split("=", 1) for pair in pairs)
    Path(out).write_text(normalise(Path(frames).read_text("utf-8"), paths), "utf-8")


if __name__ == "__main__":
    main()
