"""The level of the sandbox that a host is asked for: the strongest of what host, project and user say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.sessions import create_session
from remote.config import Host
from remote.host_protocol import Look, Seen
from remote.levels import Need
from remote.preflight import Preflight
from remote.terms import Terms
from tests.e2e.laptop import git


class _Host:
    """Answers a look, and keeps what it was asked."""

    connection = SimpleNamespace(name="vm", rtt=0.01)
    runtime = SimpleNamespace(runtime_id="castoff")
    asked: Look

    async def ask(self, question: Look, _: type[Seen]) -> Seen:
        self.asked = question
        return Seen(user="ada", system="Debian", sandbox="full", free=10**12, now=0.0)


@pytest.mark.parametrize(
    ("host", "user", "asked"),
    [("auto", "auto", "auto"), ("auto", "full", "full"), ("full", "open", "full"), ("none", "open", "open")],
)
async def test_the_user_can_only_ask_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Need, user: Need, asked: Need
) -> None:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    (project := tmp_path / "project").mkdir()
    git(project, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, "init", "-q")
    session = create_session(tmp_path / "state", project, "builtin")
    answering: Any = _Host()
    preflight = Preflight(session, Host(name="vm", destination="vm", sandbox=host), Terms(sandbox=user))
    await preflight.look(answering)
    assert answering.asked.sandbox == asked
