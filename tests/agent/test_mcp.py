"""Names of MCP servers, from the settings of agents as they write them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.mcp import McpServers, list_servers
from agent.profiles import Profile, load_profile

TREE = "/home/ada/shop"


def profile(*places: tuple[str, ...]) -> Profile:
    return load_profile("codex").model_copy(update={"mcp": places})


def test_codex_names_them_in_its_settings(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    settings = '[mcp_servers.docs]\ncommand = "npx"\nenv = { KEY = "s3cret" }\n[mcp_servers."a b"]\nurl = "http://x"\n'
    (tmp_path / ".codex/config.toml").write_text(settings)
    assert list_servers(load_profile("codex"), tmp_path, TREE) == McpServers(names=("a b", "docs"))
    assert list_servers(load_profile("builtin"), tmp_path, TREE) == McpServers()


def test_json_by_project_and_lists(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"mcpServers": {"all": {}}, "projects": {"/home/ada/shop": {"mcpServers": {"here": {}}}, "/x": {"y": {}}}}'
    )
    (tmp_path / "b.toml").write_text('[[mcp_servers]]\nname = "listed"\n[[mcp_servers]]\ntransport = "stdio"\n')
    places = (("a.json", "mcpServers"), ("a.json", "projects", "{tree}", "mcpServers"), ("b.toml", "mcp_servers"))
    assert list_servers(profile(*places), tmp_path, TREE).names == ("all", "here", "listed")
    assert list_servers(profile(*places), tmp_path, "/x").names == ("all", "listed")


@pytest.mark.parametrize("text", ["{", "[mcp_servers", "\xff", "7", '{"mcpServers": "x"}', "[1, 2]"])
def test_settings_that_are_not_as_thought(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, "latin-1")
    found = list_servers(profile(("a.json", "mcpServers", "deep"), ("none.json", "x")), tmp_path, TREE)
    assert found.names == ()
    assert found.unread == (("a.json",) if text in ("{", "[mcp_servers", "\xff") else ())


def test_a_profile_reaches_only_below_home() -> None:
    known = load_profile("codex").model_dump()
    for places in ([["/etc/x", "y"]], [["../x", "y"]], [["x"]], [["{sid}", "y"]], [["x", "{home}"]]):
        with pytest.raises(ValidationError):
            Profile.model_validate({**known, "mcp": places})
