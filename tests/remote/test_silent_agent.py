"""The budget of an agent that tells nothing of what it uses holds by the gate's count of its model's own answers.

Real are the runner, the gate and its socket; the agent and the model are doubles.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from agent.budget import unmeasured
from agent.duty import Duty
from agent.events import Budget, Used
from agent.journal import read_events
from agent.launch import Launch
from agent.lease import Tenure
from agent.messages import Extend, Prompt, SetBudget, Stop
from agent.profiles import load_profile
from agent.recorder import Recorder
from agent.runner import Runner
from agent.sessions import SessionDir, create_session
from remote.gate import Gate, Rules
from remote.gate_count import Counter
from remote.gate_keys import Door
from tests.agent.simulation import until
from tests.agents import wait_for_file
from tests.real_agents import MODEL_DOUBLE

SILENT = Path(__file__).parents[1] / "doubles" / "silent_agent.py"
CALL = {"gpt-4o": 0.00035, "claude-sonnet-4-5": 0.00045, "gemini-2.5-flash": 0.000055}
"""Dollars for the 100 tokens in and the 10 out of each answer of the double, by the price list."""


@contextmanager
def _model(folder: Path, name: str) -> Generator[int]:
    """The scripted model under ``name``; yields its port."""
    ready = folder / "ready.json"
    argv = [sys.executable, "-I", str(MODEL_DOUBLE), "--scripts", str(folder), "--model", name]
    with subprocess.Popen([*argv, "--ready-file", str(ready), "--log", str(folder / "log.jsonl")]) as process:
        try:
            yield json.loads(wait_for_file(ready, process).read_text("utf-8"))["port"]
        finally:
            process.kill()


class _Scene:
    """A run of a silent agent, and what its model was asked."""

    def __init__(self, folder: Path, session: SessionDir, runner: Runner, recorder: Recorder) -> None:
        self.session = session
        self.runner = runner
        self.recorder = recorder
        self._log = folder / "log.jsonl"

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return len(self._log.read_text().splitlines())

    @property
    def told(self) -> list[Used]:
        """What was told of usage."""
        return [event for event in read_events(self.session.journal) if isinstance(event, Used)]


@asynccontextmanager
async def _scene(folder: Path, model: str, path: str, calls: int) -> AsyncGenerator[_Scene]:
    session, counter = create_session(folder, folder, "builtin"), Counter()
    rules: asyncio.Future[Rules] = asyncio.get_running_loop().create_future()
    argv = (sys.executable, "-I", str(SILENT), str(folder / "gate"), f"/castoff/A_KEY{path}", str(calls))
    profile = load_profile("builtin").model_copy(update={"usage": "none", "resume": ("load",), "modes": {}})
    launch = Launch(argv, {}, folder, str(folder), folder)
    with _model(folder, model) as port:
        rules.set_result(Rules([], doors={"A_KEY": Door(netloc=f"127.0.0.1:{port}", path="", tls=False)}))
        async with Gate(rules, lambda _: None, counted=counter.count).listen(folder / "gate"):
            recorder = Recorder(session.journal, 1)
            duty = Duty(session, profile, lambda: launch, counters=(counter.lead,))
            runner = Runner(duty, recorder, Tenure(session.path, 1))
            running = asyncio.create_task(runner.run())
            try:
                yield _Scene(folder, session, runner, recorder)
                await runner.handle(Stop(id="s"))
                await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gpt-4o", "/v1/chat/completions"),
        ("gpt-4o", "/v1/responses"),
        ("claude-sonnet-4-5", "/v1/messages"),
        ("gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
    ],
)
async def test_a_limit_in_dollars_holds_for_an_agent_that_tells_nothing(tmp_path: Path, model: str, path: str) -> None:
    async with asyncio.timeout(40), _scene(tmp_path, model, path, calls=300) as scene:
        await scene.runner.handle(SetBudget(id="b", budget=Budget(max_usd=CALL[model] * 2.5)))
        await scene.runner.handle(Prompt(id="p", text="Go on"))
        state = await until(scene.recorder, lambda state: state.phase == "paused")
        assert "is used up" in state.detail
        asked = scene.asked
        assert asked in (3, 4)  # one may have begun before the agent heard of it
        assert abs((state.usage.cost_usd or 0.0) - asked * CALL[model]) < 1e-9
        assert (state.usage.input_tokens, state.usage.output_tokens) == (100 * asked, 10 * asked)
        assert unmeasured(state) is None and not state.usage.unpriced
        assert {used.source for used in scene.told} == {"proxy"} and len(scene.told) == asked
        await scene.runner.handle(Extend(id="e"))
        await until(scene.recorder, lambda state: (state.usage.input_tokens or 0) > 100 * asked)


async def test_what_has_no_price_is_unknown_and_its_tokens_are_limited(tmp_path: Path) -> None:
    async with asyncio.timeout(40), _scene(tmp_path, "mock-model", "/v1/responses", calls=300) as scene:
        await scene.runner.handle(SetBudget(id="b", budget=Budget(max_usd=1.0, max_tokens=250)))
        await scene.runner.handle(Prompt(id="p", text="Go on"))
        state = await until(scene.recorder, lambda state: state.phase == "paused")
        assert scene.asked in (3, 4) and "250 tokens is used up" in state.detail
        assert state.usage.cost_usd is None and "Cost unknown" in (unmeasured(state) or "")
