"""Runs a real runner and agent with the notifier and the phone that `remote.serve` gives them on a host."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent import runner as runner_module
from agent.demo_model.reply import Call, Reply
from agent.events import Noted
from agent.sessions import create_session
from remote.notify import Notifier
from remote.phone import Phone
from tests.agent.running import Place, Running
from tests.doubles.openai_model import model_environment, serving

SCRIPTS = {
    "run": [Reply("", (Call("run", {"command": "echo ran > ran.txt"}),)), Reply("Ran.")],
    "twice": [
        Reply("", (Call("run", {"command": "echo one > one.txt"}),)),
        Reply("", (Call("run", {"command": "echo two > two.txt"}),)),
        Reply("Both ran."),
    ],
    "push": [Reply("", (Call("run", {"command": "git push origin main"}),)), Reply("Pushed.")],
    "wait": [Reply("Now. ", (Call("run", {"command": "echo begun > begun; sleep 300"}),)), Reply("Never.")],
}


@contextmanager
def make_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    """A session, its tree and its model, and castoff's directories below ``tmp_path``."""
    monkeypatch.setattr(runner_module, "_WATCH_SECONDS", 0.05)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    for name in ("home", "tree"):
        (tmp_path / name).mkdir()
    session = create_session(tmp_path / "state", tmp_path / "tree", "builtin")
    with serving(SCRIPTS, tmp_path / "requests.jsonl") as (model, port):
        yield Place(session, tmp_path / "tree", model, model_environment(port))


@asynccontextmanager
async def answered(place: Place) -> AsyncGenerator[Running]:
    """The run, and its viewer."""
    async with Phone(place.session, pause=0.02) as phone, Notifier(place.session, phone=phone) as notifier:
        duty = replace(place.duty(), watchers=(phone.watch, notifier.watch), deputies=(phone.serve,))
        async with place.running(duty) as run:
            yield run


def notes(place: Place) -> list[str]:
    """What castoff itself says in the journal."""
    return [event.text for event in place.events() if isinstance(event, Noted)]
