"""A host looked over: what it says of itself, and the way to it."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from agent.profiles import load_profile
from remote import host_survey
from remote.agent_env import set_env
from remote.agents import tell_age
from remote.glance import peek
from remote.host_survey import survey
from remote.links import Links
from remote.root_commands import root_commands
from remote.survey import measure_link
from remote.survey_records import Peek, Survey
from tests.hosts import HostForTests


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def _install_codex(directory: Path, version: str) -> None:
    program = directory / "codex-acp"
    program.write_text(f"#!/bin/sh\necho codex-acp {version}\n")
    program.chmod(0o755)


async def test_agents_their_versions_and_logins(tmp_path: Path) -> None:
    agents = {agent.name: agent for agent in (await survey(Survey())).agents}
    assert (agents["codex"].program, agents["codex"].login, agents["builtin"].login) == ("", "no", "no")
    _install_codex(tmp_path, "0.9.0")
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "auth.json").write_text("{}")
    set_env("CASTOFF_MODEL", "test")
    surveyed = await survey(Survey())
    agents = {agent.name: agent for agent in surveyed.agents}
    codex = agents["codex"]
    assert (codex.program, codex.version, codex.login) == (str(tmp_path / "codex-acp"), "codex-acp 0.9.0", "yes")
    assert codex.too_old.startswith("Codex 0.9.0 is too old") and codex.too_old.endswith(".")
    assert agents["builtin"].login == "yes"
    assert surveyed.variables == ("CASTOFF_MODEL",), "names, never values"
    assert {tool.name for tool in surveyed.tools if tool.path} >= {"git", "rsync"}
    assert surveyed.memory > 0 and surveyed.free > 0


@pytest.mark.parametrize(
    ("agent", "file"),
    [
        ("claude", ".claude/.credentials.json"),
        ("gemini", ".gemini/oauth_creds.json"),
        ("opencode", ".local/share/opencode/auth.json"),
        ("qwen", ".qwen/oauth_creds.json"),
        ("vibe", ".vibe/.env"),
    ],
)
async def test_a_login_is_the_agents_own_or_a_key_of_one_of_its_services(agent: str, file: str, tmp_path: Path) -> None:
    async def logged_in() -> str:
        return next(each.login for each in (await survey(Survey())).agents if each.name == agent)

    assert await logged_in() == "no"
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert await logged_in() == "yes"
    (tmp_path / file).unlink()
    set_env(load_profile(agent).services[0].key, "sk-1")
    assert await logged_in() == "yes"


@pytest.mark.parametrize(
    ("said", "old"),
    [("0.9.12", True), ("codex 0.15.99", True), ("0.16.0", False), ("0.16", False), ("v0.100.0", False), ("", False)],
)
def test_versions_are_compared_as_numbers(said: str, old: bool) -> None:
    assert bool(tell_age(load_profile("codex"), said)) is old
    assert tell_age(load_profile("builtin"), "0.0.1") == ""


async def test_the_way_to_a_host_is_measured(sshd_host: HostForTests) -> None:
    async with await sshd_host.connect() as connection:
        link = await measure_link(connection)
    assert link.rtt > 0 and link.up > 100_000 and link.down > 100_000


@pytest.fixture
def bare_host(sshd_host: HostForTests) -> Generator[HostForTests]:
    """The host without castoff's runtime, which an earlier test may have installed."""
    runtimes = sshd_host.home / ".local/share/castoff/runtimes"
    aside = sshd_host.home / "runtimes"
    if runtimes.exists():
        runtimes.rename(aside)
    yield sshd_host
    if aside.exists():
        aside.rename(runtimes)


async def test_a_glance_installs_nothing_and_asks_nobody(
    bare_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(bare_host.home))
    bare_host.write_settings(tmp_path / "config")
    links = Links()
    try:
        before = sorted(bare_host.home.rglob("*"))
        rtt, facts = await peek(links, "vm")
        assert rtt > 0 and facts is None, "there is no runtime yet"
        assert sorted(bare_host.home.rglob("*")) == before
    finally:
        await links.close()


async def test_what_a_glance_sees() -> None:
    facts = await host_survey.peek(Peek())
    assert facts.processors >= 1 and facts.free > 0 and facts.sandbox in ("full", "open", "reduced", "none")


def test_what_root_does_once() -> None:
    assert root_commands("apt-get", (), user="ada", lingers=True, userns_kept=False) == ()
    lines = root_commands("dnf", ("tmux", "bwrap"), user="ada", lingers=False, userns_kept=True)
    assert lines[:2] == ("dnf install -y bubblewrap tmux", "loginctl enable-linger ada")
    assert "userns," in lines[2] and lines[2].endswith("apparmor_parser --replace /etc/apparmor.d/castoff-bwrap")
    assert "'" not in lines[2].split("'%s' '")[1].split("' > ")[0], "the profile stands in quotes"


async def test_missing_programs_come_with_the_command_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("git", "rsync", "apt-get"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(host_survey, "lingers", lambda: True)
    surveyed = await survey(Survey())
    assert surveyed.root == ("apt-get install -y bubblewrap tmux",)
    assert surveyed.sandbox == "none"
