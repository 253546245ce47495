"""A scripted OpenAI-compatible model server: a double of a provider, for tests only.

A prompt with ``[[script: NAME]]`` chooses a script; the step is told from the number of tool results since that prompt,
so that the double keeps no state. Every request is logged as one JSON line. It runs in the test's own process
(`serving`).
"""

import json
import re
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.demo_model.endpoint import Endpoint
from agent.demo_model.messages import Message, read_messages
from agent.demo_model.reply import Reply

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
