import os
import sys
from pathlib import Path

import pytest

from agent.errors import AgentFailed, ProfileError
from agent.profiles import Profile, list_profiles, load_profile
from agent.programs import agent_command, find_agent, installed_version, program_roots
from agent.session_files import needed_files, session_files

OWN = """
name = "mine"
title = "Mine"
launch = ["mine-agent", "--acp"]
session_files = [".mine/{sid}.json"]
resume = ["load"]
usage = "turn"
install = "Install it with: pipx install mine-agent"
"""
SHIPPED = ["builtin", "claude", "codex", "gemini", "opencode", "qwen", "vibe"]


def write_own(directory: Path, text: str = OWN, name: str = "mine") -> Path:
    path = directory / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", "utf-8")
    path.chmod(0o755)
    return path


def test_shipped_profiles_are_valid(tmp_path: Path) -> None:
    assert [profile.name for profile in list_profiles(tmp_path)] == SHIPPED


def test_own_profile_is_listed_and_replaces_a_shipped_one(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_own(tmp_path, OWN.replace('"mine"', '"codex"'), "codex")
    assert [profile.name for profile in list_profiles(tmp_path)] == sorted((*SHIPPED, "mine"))
    assert load_profile("codex", tmp_path).title == "Mine"


def test_own_profiles_lie_in_the_settings_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path))
    (tmp_path / "agents").mkdir()
    write_own(tmp_path / "agents")
    assert load_profile("mine").launch == ("mine-agent", "--acp")


@pytest.mark.parametrize("name", ["nope", "../codex", "", "a/b", "Codex"])
def test_unknown_profile_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProfileError, match="no agent profile") as caught:
        load_profile(name, tmp_path)
    assert caught.value.code == "profile-unknown"
    assert ", ".join(SHIPPED) in caught.value.way_out


@pytest.mark.parametrize(
    ("old", "new", "key", "why"),
    [
        ('usage = "turn"', 'usage = "often"', "usage", "'none', 'context'"),
        ('usage = "turn"', "", "usage", "field required"),
        ('usage = "turn"', 'usage = "turn"\ncolour = "red"', "colour", "not permitted"),
        ('launch = ["mine-agent", "--acp"]', "launch = []", "launch", "at least 1"),
        ('launch = ["mine-agent", "--acp"]', 'launch = "mine-agent"', "launch", "a valid list"),
        ('"--acp"', '"{home}"', "launch", "'{home}'; placeholders that may stand here: {agents}, {python}"),
        (".mine/{sid}.json", ".mine/{home}.json", "session_files", "'{home}'"),
        (".mine/{sid}.json", "/etc/{sid}", "session_files", "must be relative"),
        (".mine/{sid}.json", ".mine/../../{sid}", "session_files", "'..'"),
        (".mine/{sid}.json", "**/{sid}", "session_files", "begin with a name"),
        (".mine/{sid}.json", "*.d/{sid}", "session_files", "begin with a name"),
        (".mine/{sid}.json", ".", "session_files", "begin with a name"),
        ('resume = ["load"]', 'resume = ["fork"]', "resume.0", "'resume' or 'load'"),
        ('resume = ["load"]', 'resume = ["load"]\nmodes = {always = "yolo"}', "modes.always", "'ask', 'accept-edits'"),
        ('resume = ["load"]', 'resume = ["load"]\nenv = {"A=B" = "x"}', "env", "'A=B' cannot be a variable"),
        ('resume = ["load"]', 'resume = ["load"]\ninterpreter = ["../node"]', "interpreter", "'..'"),
        ('usage = "turn"', 'usage = "turn"\ncost = "often"', "cost", "'none', 'context'"),
        ('name = "mine"', 'name = "other"', "name", "must be 'mine'"),
        ('name = "mine"', 'name = "Mine!"', "name", "lower-case"),
    ],
)
def test_invalid_profile_names_file_and_key(tmp_path: Path, old: str, new: str, key: str, why: str) -> None:
    assert old in OWN
    path = write_own(tmp_path, OWN.replace(old, new))
    with pytest.raises(ProfileError) as caught:
        load_profile("mine", tmp_path)
    assert str(caught.value).startswith(f"Agent profile {path}: {key}: ")
    assert why in str(caught.value)
    assert str(path) in caught.value.way_out


@pytest.mark.parametrize("text", ["name = ", "\0"])
def test_broken_toml_names_the_file_and_harms_no_other_profile(tmp_path: Path, text: str) -> None:
    path = write_own(tmp_path, text)
    with pytest.raises(ProfileError, match="cannot be read") as caught:
        list_profiles(tmp_path)
    assert str(path) in str(caught.value)
    assert load_profile("builtin", tmp_path).name == "builtin"


def test_built_in_agent_is_our_own_interpreter(tmp_path: Path) -> None:
    command = agent_command(load_profile("builtin", tmp_path), {"PATH": ""})
    assert command == (sys.executable, "-I", "-m", "agent.builtin")


def test_program_is_found_by_override_then_own_prefix_then_path(tmp_path: Path) -> None:
    codex = load_profile("codex", tmp_path)
    environ = {"CASTOFF_DATA": str(tmp_path / "a [1] b"), "PATH": str(tmp_path / "bin")}
    assert find_agent(codex, environ) is None
    on_path = make_program(tmp_path / "bin" / "codex-acp")
    assert find_agent(codex, environ) == on_path
    package = tmp_path / "a [1] b/agents/codex/node_modules/@zed-industries/codex-acp-linux-x64"
    own = make_program(package / "bin" / "codex-acp")
    assert find_agent(codex, environ) == own
    other = make_program(tmp_path / "other")
    assert agent_command(codex, {**environ, "CASTOFF_AGENT_CODEX": str(other)})[0] == str(other)


def test_an_own_interpreter_runs_a_program_of_our_own_and_no_other(tmp_path: Path) -> None:
    claude = load_profile("claude", tmp_path)
    environ = {"CASTOFF_DATA": str(tmp_path / "data"), "PATH": str(tmp_path / "bin")}
    prefix = tmp_path / "data/agents/claude/node_modules"
    node = make_program(prefix / "node" / "bin" / "node")
    on_path = make_program(tmp_path / "bin" / "claude-agent-acp")
    assert agent_command(claude, environ) == (str(on_path),)
    own = make_program(prefix / ".bin" / "claude-agent-acp")
    assert agent_command(claude, environ) == (str(node), str(own))
    node.unlink()
    assert agent_command(claude, environ) == (str(own),)


def test_installed_version_is_that_of_the_programs_own_package(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "@x" / "agent"
    program = make_program(package / "dist" / "index.js")
    (tmp_path / "package.json").write_text('{"version": "9.9.9"}', "utf-8")
    assert installed_version(program) == ""
    (package / "package.json").write_text('{"version": "1.2.3"}', "utf-8")
    command = tmp_path / "node_modules" / ".bin" / "agent"
    command.parent.mkdir()
    command.symlink_to(program)
    assert installed_version(command) == "1.2.3"
    (package / "package.json").write_text('["no object"]', "utf-8")
    assert installed_version(command) == ""
    assert installed_version(make_program(tmp_path / "alone")) == ""


def test_installed_version_of_a_tool_of_uvs_is_that_of_its_package(tmp_path: Path) -> None:
    tool = tmp_path / "mine" / "mine-agent"
    program = make_program(tool / "bin" / "agent")
    (tool / "uv-receipt.toml").touch()
    assert installed_version(program) == ""
    for name in ("mine_agent-1.2.3.dist-info", "mine_agent_core-4.5.dist-info", "zeta-6.dist-info"):
        (tool / "lib" / "python3.12" / "site-packages" / name).mkdir(parents=True)
    assert installed_version(program) == "1.2.3"


def test_override_that_names_nothing_is_not_ignored(tmp_path: Path) -> None:
    codex = load_profile("codex", tmp_path)
    make_program(tmp_path / "bin" / "codex-acp")
    environ = {"PATH": str(tmp_path / "bin"), "CASTOFF_DATA": str(tmp_path), "CASTOFF_AGENT_CODEX": "/nowhere/x"}
    with pytest.raises(AgentFailed, match="/nowhere/x") as caught:
        agent_command(codex, environ)
    assert caught.value.code == "agent-missing"
    assert f"npm install --prefix {tmp_path}/agents/codex @zed-industries/codex-acp@0.16.0" in caught.value.way_out


def test_what_a_sandbox_must_show(tmp_path: Path) -> None:
    environ = {"CASTOFF_DATA": str(tmp_path / "data")}
    own = make_program(tmp_path / "data/agents/codex/node_modules/x/bin/codex-acp")
    assert program_roots(own, environ) == (tmp_path / "data/agents/codex",)
    script = make_program(tmp_path / "node/lib/node_modules/x/bin/x.js")
    command = tmp_path / "node" / "bin" / "x"
    command.parent.mkdir()
    command.symlink_to(script)
    assert program_roots(command, environ) == (tmp_path / "node",)
    alone = make_program(tmp_path / "alone")
    assert program_roots(alone, environ) == (alone,)


@pytest.fixture
def codex(tmp_path: Path) -> Profile:
    return load_profile("codex", tmp_path)


def make_rollout(home: Path, sid: str) -> Path:
    name = Path(f".codex/sessions/2026/11/22/rollout-2026-11-22T09-00-00-{sid}.jsonl")
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text("{}\n", "utf-8")
    return name


def test_session_files_are_those_of_the_session_only(tmp_path: Path, codex: Profile) -> None:
    name = make_rollout(tmp_path, "abc-1")
    make_rollout(tmp_path, "abc-2")
    (tmp_path / ".codex" / "auth.json").write_text("secret", "utf-8")
    assert session_files(codex, tmp_path, "abc-1", "ours") == (name,)
    assert session_files(codex, tmp_path, "abc-3", "ours") == ()


def test_an_agent_with_one_file_for_all_sessions_gets_one_for_each_of_ours(tmp_path: Path, codex: Profile) -> None:
    names = {"env": {"DB": "{session}.db", "RULES": '{"bash": "ask"}'}, "session_files": (".mine/{session}.db*",)}
    profile = codex.model_copy(update=names)
    assert profile.variables("ours") == {"DB": "ours.db", "RULES": '{"bash": "ask"}'}
    (tmp_path / ".mine").mkdir()
    for name in ("ours.db", "ours.db-wal", "other.db"):
        (tmp_path / ".mine" / name).touch()
    assert session_files(profile, tmp_path, "abc-1", "ours") == (Path(".mine/ours.db"), Path(".mine/ours.db-wal"))


def test_needed_files_are_all_that_are_below_home(tmp_path: Path, codex: Profile) -> None:
    profile = codex.model_copy(update={"needed_files": (".mine/shared/**/*",)})
    assert needed_files(profile, tmp_path) == ()
    shared = tmp_path / ".mine" / "shared"
    (shared / "deep").mkdir(parents=True)
    (shared / "deep" / "one").touch()
    assert needed_files(profile, tmp_path) == (Path(".mine/shared/deep/one"),)
    (shared / "two").symlink_to("/etc/passwd")
    with pytest.raises(AgentFailed, match="not a regular file below"):
        needed_files(profile, tmp_path)


@pytest.mark.parametrize("sid", ["", "*", "../x", "a/b", "a..b", "[abc]", "-x", "a\n", "x" * 300])
def test_session_id_that_cannot_name_a_file_is_refused(tmp_path: Path, codex: Profile, sid: str) -> None:
    make_rollout(tmp_path, "abc-1")
    with pytest.raises(AgentFailed) as caught:
        session_files(codex, tmp_path, sid, "ours")
    assert caught.value.code == "agent-session-id"


def test_session_file_that_leads_out_of_home_is_refused(tmp_path: Path, codex: Profile) -> None:
    home, outside = tmp_path / "home", tmp_path / "secret"
    outside.write_text("secret", "utf-8")
    name = make_rollout(home, "abc-1")
    (home / name).unlink()
    (home / name).symlink_to(outside)
    with pytest.raises(AgentFailed, match="not a regular file below") as caught:
        session_files(codex, home, "abc-1", "ours")
    assert caught.value.code == "agent-session-file"


def test_session_directory_that_leads_out_of_home_is_refused(tmp_path: Path, codex: Profile) -> None:
    home = tmp_path / "home"
    home.mkdir()
    make_rollout(tmp_path / "outside", "abc-1")
    (home / ".codex").symlink_to(tmp_path / "outside" / ".codex")
    with pytest.raises(AgentFailed, match="not a regular file below"):
        session_files(codex, home, "abc-1", "ours")


def test_session_file_that_is_no_file_is_refused(tmp_path: Path, codex: Profile) -> None:
    name = make_rollout(tmp_path, "abc-1")
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(AgentFailed, match="not a regular file below"):
        session_files(codex, tmp_path, "abc-1", "ours")
