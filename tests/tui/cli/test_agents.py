"""``castoff agents``: what is installed here and on hosts."""

from pathlib import Path

from tests.hosts import HostForTests, free_port
from tests.tui.cli.conftest import Castoff


def install_claude(data: Path) -> Path:
    """A program that passes for Claude's adapter, with the version of its package."""
    package = data / "agents" / "claude" / "node_modules" / "@agentclientprotocol" / "claude-agent-acp"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "1.2.3"}', "utf-8")
    program = package / "index.js"
    program.write_text("", "utf-8")
    program.chmod(0o755)
    command = data / "agents" / "claude" / "node_modules" / ".bin" / "claude-agent-acp"
    command.parent.mkdir()
    command.symlink_to(program)
    return command


def test_what_is_installed_here(castoff: Castoff, tmp_path: Path) -> None:
    command = install_claude(tmp_path / "data")
    records = castoff("agents", "--here", "--json").records
    found = {record["name"]: record for record in records if record["type"] == "agent"}
    assert (found["claude"]["program"], found["claude"]["version"]) == (str(command), "1.2.3")
    assert found["builtin"]["program"]
    assert found["codex"]["program"] == ""
    assert "npm install" in found["codex"]["install"]
    assert {record["host"] for record in found.values()} == {"here"}
    assert "1.2.3" in castoff("agents", "--here").out


def test_a_profile_that_is_not_valid_is_a_sentence(castoff: Castoff, tmp_path: Path) -> None:
    (tmp_path / "config" / "agents").mkdir(parents=True)
    (tmp_path / "config" / "agents" / "mine.toml").write_text("name = 1\n", "utf-8")
    ran = castoff("agents", "--here", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "profile")
    assert "mine.toml" in str(ran.records[-1])


def test_a_host_that_cannot_be_asked_is_named(castoff: Castoff) -> None:
    argv = ["host", "add", "vm", "127.0.0.1", "--port", str(free_port()), "--offline"]
    assert castoff(*argv).status == 0
    ran = castoff("agents", "--json")
    assert ran.status == 0
    (gone,) = [record for record in ran.records if record["type"] == "unreachable"]
    assert gone["host"] == "vm"
    assert gone["reason"]


def test_what_is_installed_on_a_host(castoff: Castoff, embedded_host: HostForTests, tmp_path: Path) -> None:
    embedded_host.write_settings(tmp_path / "config")
    name = embedded_host.host.name
    assert castoff("host", "setup", name).status == 0
    install_claude(embedded_host.home / ".local" / "share" / "castoff")
    records = castoff("agents", "--json").records
    there = {record["name"]: record for record in records if record.get("host") == name}
    assert there["claude"]["version"] == "1.2.3"
    assert there["claude"]["program"].startswith(str(embedded_host.home))
    assert there["builtin"]["program"]
    assert there["codex"]["program"] == ""
