"""A laptop, a session and the demo's embedded host as its VM: the scene of many a handoff."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.demo_model.reply import Call, Reply
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from agent.state import SessionState
from remote.config import Settings
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.steps import HandoffStep
from remote.terms import Decision, Terms
from tests.doubles.openai_model import ScriptedModel, model_environment, serving
from tests.e2e.journey import Place, drive, follow, lay_out
from tests.hosts import HostForTests

_WHILE_ASHORE = """
cd {root}; while [ -e ashore ] && ! grep -qs '"phase":"draining"' state/sessions/*/journal.jsonl; do sleep 0.05; done
echo waited
"""
"""Ends when a session here is drained, or `Scene.go` says so; on a host at once."""


def _scripts(root: Path) -> dict[str, tuple[Reply, ...]]:
    return {
        "task": (
            Reply("I begin.", (Call("write", {"path": "made.txt", "content": "one\n"}),)),
            Reply("I wait.", (Call("run", {"command": _WHILE_ASHORE.format(root=root).strip()}),)),
            Reply("I go on.", (Call("run", {"command": "echo more >> made.txt"}),), pause=2.0),
            Reply("All done."),
        ),
        "slow": (Reply("I wait.", (Call("run", {"command": "echo begun > begun; sleep 60"}),)), Reply("All done.")),
    }


@dataclass
class Scene:
    """A laptop with a session, and links to a host called vm."""

    place: Place
    host: HostForTests
    links: Links
    variables: dict[str, str]

    def session(self, agent: str = "builtin") -> SessionDir:
        return create_session(state_dir(), self.place.project, agent)

    def go(self) -> None:
        """Let the command end that the task waits for."""
        (self.place.root / "ashore").unlink()

    async def move(self, session: SessionDir, host: str = "vm") -> HandoffStep:
        return (await drive(hand_off(session, self.links.host(host), Terms(), self.links)))[-1]


@pytest.fixture
def model(tmp_path: Path) -> Generator[tuple[ScriptedModel, dict[str, str]]]:
    with serving(_scripts(tmp_path), tmp_path / "model.jsonl") as (model, port):
        yield model, model_environment(port)


@pytest.fixture
async def scene(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded_host: HostForTests,
    model: tuple[ScriptedModel, dict[str, str]],
) -> AsyncGenerator[Scene]:
    place = lay_out(tmp_path, monkeypatch.setenv)
    embedded_host.write_settings(tmp_path / "config")
    settings = Settings()
    settings.add(embedded_host.host.model_copy(update={"name": "vm"}))
    for name, value in model[1].items():
        monkeypatch.setenv(name, value)
    give_variables(embedded_host, model[1])
    links = Links(settings)
    await links.client("vm")
    yield Scene(place, embedded_host, links, model[1])
    await links.close()


def give_variables(host: HostForTests, variables: dict[str, str]) -> None:
    path = host.home / ".config/castoff/agent.env"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    path.chmod(0o600)


async def start_task(scene: Scene) -> SessionDir:
    """A session in the middle of its task."""
    session = scene.session()
    (scene.place.root / "ashore").touch()
    viewer = await open_local(session)
    await viewer.set_policy("accept-all")
    await viewer.prompt("Do it. [[script: task]]")
    await follow(viewer, lambda state: bool(state.running) and any("ashore" in t for t in titles(state)))
    await viewer.close()
    return session


def titles(state: SessionState) -> list[str]:
    return [block.title for block in state.blocks if block.type == "tool"]


async def interrupt_at(where: str, steps: AsyncGenerator[HandoffStep, Decision | None]) -> None:
    """Drive a handoff and cancel its task, as Ctrl-C does, when it comes to the step ``where``."""

    async def drive_on() -> None:
        step = await anext(steps)
        while True:
            if step.step == where:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            step = await steps.asend("go")

    await asyncio.create_task(drive_on())
