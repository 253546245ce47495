"""Names of MCP servers, from the settings of agents as they write them."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.mcp import McpServers, ProjectServers, list_project_servers, list_servers
from agent.profiles import Profile, load_profile

TREE = "/home/ada/shop"


def agent(name: str) -> Profile:
    return load_profile("codex").model_copy(update={"name": name})


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
    outside = ("{tree}/../x", "{tree}//etc/x", "/etc/x", "../x", "{sid}")
    for places in (*([[file, "y"]] for file in outside), [["x"]], [["x", "{home}"]]):
        with pytest.raises(ValidationError):
            Profile.model_validate({**known, "mcp": places})


SERVERS = '{"mcpServers": {"mine": {"command": "x"}}}'


@pytest.mark.parametrize(
    ("name", "file", "text", "names"),
    [
        ("claude", ".claude.json", SERVERS, ("mine",)),
        ("claude", ".claude.json", f'{{"projects": {{"{TREE}": {SERVERS}}}}}', ("mine",)),
        ("gemini", ".gemini/settings.json", f"{{ // mine\n{SERVERS[1:]}", ("mine",)),
        ("qwen", ".qwen/settings.json", SERVERS, ("mine",)),
        (
            "opencode",
            ".config/opencode/opencode.json",
            '{"mcp": {"a": {}, /* "b": {}, */ "c//d": {},},}',
            ("a", "c//d"),
        ),
        ("opencode", ".config/opencode/opencode.jsonc", '{"mcp": {"a": {}}}', ("a",)),
        ("vibe", ".vibe/config.toml", '[[mcp_servers]]\nname = "mine"\n', ("mine",)),
    ],
)
def test_where_known_agents_keep_them(tmp_path: Path, name: str, file: str, text: str, names: tuple[str, ...]) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert list_servers(agent(name), tmp_path, TREE) == McpServers(names=names)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("claude", ".mcp.json"),
        ("gemini", ".gemini/settings.json"),
        ("qwen", ".qwen/settings.json"),
    ],
)
def test_a_project_names_its_own(tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(SERVERS)
    assert list_project_servers(agent(name), tmp_path) == (ProjectServers(file=file, names=("mine",)),)
    assert list_servers(agent(name), Path(TREE), str(tmp_path)) == McpServers()
    (tmp_path / file).write_text("{}")
    assert list_project_servers(agent(name), tmp_path) == ()


def test_what_poses_as_a_projects_settings_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".mcp.json")
    assert list_project_servers(agent("claude"), tmp_path) == (ProjectServers(file=".mcp.json", names=None),)
    (tmp_path / ".mcp.json").unlink()
    (tmp_path / ".mcp.json").write_text("[" * 100_000)
    assert list_project_servers(agent("claude"), tmp_path) == (ProjectServers(file=".mcp.json", names=None),)
