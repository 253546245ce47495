"""A scripted OpenAI-compatible model server: a double of a provider, for tests only.

A prompt with ``[[script: NAME]]`` chooses a script; the step is told from the number of tool results since that prompt,
so that the double keeps no state. Every request is logged as one JSON line. Start it in the test's own process
(`serving`), or alone: ``python -m tests.doubles.openai_model --scripts FILE --ready-file F --log L [--port N]``, where
FILE holds ``{"NAME": [STEP, ...]}`` and a step has the fields of `agent.demo_model.reply.Reply`.
"""

import argparse
import json
import re
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.demo_model.__main__ import announce
from agent.demo_model.endpoint import Endpoint
from agent.demo_model.messages import Message, read_messages
from agent.demo_model.reply import Call, Reply

NAME = "scripted"
RECAP = "recap"
"""A step whose text is this word answers with all prompts that the server was sent, as a JSON array."""

Scripts = Mapping[str, Sequence[Reply]]
_MARKER = re.compile(r"\[\[script: ([\w-]+)\]\]")


@dataclass
class ScriptedModel:
    """The double's mind: which reply a request gets. ``log`` is a JSON Lines file of all request bodies."""

    scripts: Scripts
    log: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def respond(self, request: dict[str, Any]) -> Reply:
        """Log the request and return the step that is due."""
        with self._lock, self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(request, ensure_ascii=False) + "\n")
        if not request.get("tools"):
            return Reply("A title")
        messages = read_messages(request)
        reply = self._due(messages)
        if reply.text == RECAP:
            return Reply(json.dumps([message.text for message in messages if message.role == "user"]))
        return reply

    def requests(self) -> list[dict[str, Any]]:
        """Return all requests so far, oldest first."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def _due(self, messages: list[Message]) -> Reply:
        marked = [index for index, item in enumerate(messages) if item.role == "user" and _MARKER.search(item.text)]
        if not marked:
            return Reply("There is no script for this prompt.")
        found = _MARKER.search(messages[marked[-1]].text)
        steps = self.scripts.get(found.group(1), ()) if found else ()
        results = sum(message.role == "tool" for message in messages[marked[-1] + 1 :])
        for step in steps:
            if not step.calls or results < len(step.calls):
                return step
            results -= len(step.calls)
        return Reply("The script is at its end.")


@contextmanager
def serving(scripts: Scripts, log: Path) -> Generator[tuple[ScriptedModel, int]]:
    """Serve ``scripts`` on a thread; yields the double and its port."""
    model = ScriptedModel(scripts, log)
    with Endpoint(model.respond, name=NAME) as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield model, endpoint.port
        finally:
            endpoint.shutdown()
            thread.join()


def model_environment(port: int) -> dict[str, str]:
    """Return the variables that point pydantic-ai's chat model at the double."""
    return {
        "CASTOFF_MODEL": f"openai-chat:{NAME}",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "any",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def read_scripts(path: Path) -> Scripts:
    """Return the scripts of a JSON file."""
    document: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: [_read_step(step) for step in steps] for name, steps in document.items()}


def _read_step(step: dict[str, Any]) -> Reply:
    calls = tuple(Call(call["name"], call["arguments"]) for call in step.pop("calls", ()))
    return replace(Reply(**step), calls=calls)


def main() -> None:
    """Serve alone, until killed."""
    parser = argparse.ArgumentParser(description="A scripted model server, for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--scripts", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()
    model = ScriptedModel(read_scripts(options.scripts), options.log)
    with Endpoint(model.respond, name=NAME, port=options.port) as endpoint:
        announce(options.ready_file, endpoint.port)
        endpoint.serve_forever()


if __name__ == "__main__":
    main()
