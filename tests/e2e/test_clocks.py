"""A session goes out and comes home while the clocks of both machines are set: by two hours, and over the end of
summer time. Every Python of ours goes by them: the host's runtime, the runner here, and this process."""

import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest

from agent.durable import read_model
from agent.events import AgentStarted
from agent.fold import advance
from agent.journal import read_events
from agent.lease import read_lease
from agent.paths import state_dir
from agent.protocol import Lease
from agent.sessions import create_session
from agent.state import SessionState
from remote.config import Settings
from remote.handoff import hand_off
from remote.links import Links
from remote.local import open_local
from remote.pull import pull_back
from remote.steps import Away, Home
from remote.terms import Decision, Terms
from tests.e2e.journey import Place, assert_unbroken, follow, lay_out, tree_of, wait_for_run
from tests.hosts import HostForTests
from tests.kills.agent import PROFILE

pytestmark = pytest.mark.timeout(600)

Step = TypeVar("Step")
_HOURS = 3600.0
_ZONE = "Europe/Berlin"
_SUMMER_ENDS = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()
"""There it is 3:00, and 2:00 again."""


@dataclass(frozen=True)
class Clock:
    """One machine's wall clock: the true one, and what ``file`` says it differs by."""

    file: Path

    def set(self, seconds: float) -> None:
        """Set it so many seconds ahead of the true one."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+.3f}\n")
        new.chmod(0o644)
        new.replace(self.file)

    @property
    def hook(self) -> str:
        """One line of Python, after which `time.time` goes by it; where the file is not seen, by the true one."""
        moved = "lambda true, p: lambda: true() + float(open(p).read() if os.path.exists(p) else 0)"
        zone = f"os.environ['TZ'] = {_ZONE!r}; time.tzset()"
        return f"import os, time; time.time = ({moved})(time.time, {str(self.file)!r}); {zone}\n"


@dataclass(frozen=True)
class Clocks:
    """Both machines'."""

    here: Clock
    there: Clock

    def set(self, here: float, there: float) -> None:
        """Set both, by seconds ahead of the true one."""
        self.here.set(here)
        self.there.set(there)


@pytest.fixture
def clocks(sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks(Clock(tmp_path / "clock"), Clock(sshd_host.home / "clock"))
    clocks.set(0, 0)
    # A runner that is started here goes by the clock here.
    python = tmp_path / "python"
    started = "import runpy, sys; del sys.argv[:3]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
    python.write_text(f"#!{sys.executable} -I\n{clocks.here.hook}{started}\n")
    python.chmod(0o755)
    monkeypatch.setattr("remote.local.sys", SimpleNamespace(executable=str(python)))
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + float(clocks.here.file.read_text()))
    return clocks


@pytest.fixture
async def links(clocks: Clocks, sshd_host: HostForTests, laptop: Place) -> AsyncGenerator[Links]:
    first, links = Links(Settings()), Links(Settings())
    try:
        await first.client("vm")
    finally:
        await first.close()
    # Whatever Python of castoff's starts on the host reads it first.
    packages = sshd_host.home.glob(".local/share/castoff/runtimes/*/env/lib/python*/site-packages")
    hooks = [folder / "clock.pth" for folder in packages]
    try:
        for hook in hooks:
            hook.write_text(clocks.there.hook)
        yield links
    finally:
        await links.close()
        for hook in hooks:
            hook.unlink()


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sshd_host: HostForTests) -> Place:
    place = lay_out(tmp_path, monkeypatch.setenv)
    for config in (tmp_path / "config", sshd_host.home / ".config/castoff"):
        (config / "agents").mkdir(parents=True, exist_ok=True)
        (config / "agents/cheap.toml").write_text(PROFILE)
    sshd_host.write_settings(tmp_path / "config")
    sshd_host.own(sshd_host.home / ".config")
    (place.project / "kept.txt").write_text("one\n")
    return place


Times = dict[str, tuple[float, float]]
"""By the name of a step: how far ahead of the true time both clocks are from then on, here and there."""


async def _drive(steps: AsyncGenerator[Step, Decision | None], clocks: Clocks, times: Times) -> Step:
    """Go through a move and set the clocks on the way; returns its last step."""
    step = await anext(steps)
    try:
        while True:
            if (both := times.get(getattr(step, "step"))) is not None:  # noqa: B009 - both kinds of steps have it
                clocks.set(*both)
            step = await steps.asend("go")
    except StopAsyncIteration:
        return step


def _two_hours(first: float) -> tuple[Times, Times]:
    """Out and home: both clocks jump, apart from each other, while the agent is drained and when it was given up."""
    jump = first * _HOURS
    return {"draining": (jump, -jump), "offered": (-jump, jump)}, {"draining": (jump, -jump), "offered": (-jump, jump)}


def _end_of_summer() -> tuple[Times, Times]:
    """Out at 2:59:58, just before it is 2:00 again, and there at 2:00; home on the same night."""
    before = _SUMMER_ENDS - 2 - time.time()
    return {"draining": (before, before), "offered": (before + 5, before + 5)}, {"draining": (before + 60, before + 60)}


@pytest.mark.parametrize("case", ["ahead", "behind", "summer"])
async def test_clocks_that_are_set_while_it_moves_change_nothing(
    case: str, laptop: Place, clocks: Clocks, links: Links, sshd_host: HostForTests
) -> None:
    out, home = _end_of_summer() if case == "summer" else _two_hours(2.0 if case == "ahead" else -2.0)
    session = create_session(state_dir(), laptop.project, "cheap")
    viewer = await open_local(session)
    await viewer.prompt("here")
    await follow(viewer, lambda state: state.phase == "finished")
    await viewer.close()

    away = await _drive(hand_off(session, links.host("vm"), Terms(say="there"), links), clocks, out)
    assert isinstance(away, Away), away
    there = sshd_host.home / ".local/state/castoff/sessions" / session.id
    assert (read_lease(session).state, read_model(there / "lease.json", Lease).state) == ("away", "held")
    state = await wait_for_run(sshd_host, session.id, lambda s: s.phase in ("finished", "paused", "failed"))
    assert state.phase == "finished", (state.phase, state.detail)

    back = await _drive(pull_back(links, "vm", session.id), clocks, home)
    assert isinstance(back, Home), back
    assert (read_lease(session).state, read_model(there / "lease.json", Lease).state) == ("held", "away")
    assert tree_of(laptop.project) == {"kept.txt": "one\n", "log.txt": "here\nthere\n"}

    viewer = await open_local(session)
    await viewer.prompt("home again")
    await follow(viewer, lambda state: state.phase in ("finished", "paused") and state.turns == 3)
    await viewer.close()
    assert_unbroken(session)
    events = list(read_events(session.journal))
    assert [e.epoch for e in events] == sorted(e.epoch for e in events)
    assert [e.resumed for e in events if isinstance(e, AgentStarted)] == ["new", "load", "load"]
    times = [e.at for e in events]
    assert times != sorted(times), "the clocks were really set back on the way"
    assert advance(SessionState(), events).phase == "finished"
