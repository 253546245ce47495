"""Services that only an agent's settings name: found, led to the gate in the run's copy, their keys kept outside."""

import json
from pathlib import Path

import pytest

from agent.profiles import load_profile
from remote.errors import SettingsDamaged
from remote.gate_keys import PLACEHOLDER, hide_keys, make_doors
from remote.gate_settings import find_named, lead_to_gate

CODEX = """
model_provider = "own"  # kept
[model_providers.own]
base_url = "https://models.example.org/v1"
env_key = "OWN_KEY"
[model_providers.keyless]
base_url = 'http://127.0.0.1:8080/v1'
[model_providers."with a/slash"]
base_url = 'http://127.0.0.1:8080/v2'
env_key = "OTHER_KEY"
"""
VIBE = """
[[providers]]
name = "own"
api_base = "https://models.example.org/v1"
api_key_env_var = "OWN_KEY"
[[providers]]
name = "llamacpp"
api_base = "http://127.0.0.1:8080/v1"
api_key_env_var = ""
"""
OPENCODE = json.dumps(
    {
        "provider": {
            "own": {"options": {"baseURL": "https://models.example.org/v1", "apiKey": "{env:OWN_KEY}"}},
            "written": {"options": {"baseURL": "https://other.example.org/v1", "apiKey": "OWN_KEY"}},
        }
    }
)
SETTINGS = {
    "codex": (".codex/config.toml", CODEX),
    "vibe": (".vibe/config.toml", VIBE),
    "opencode": (".config/opencode/opencode.json", OPENCODE),
}
AT_GATE = "http://127.0.0.1:3128/castoff/"


@pytest.mark.parametrize("agent", SETTINGS)
def test_a_service_of_the_settings_is_at_the_gate(agent: str, tmp_path: Path) -> None:
    name, text = SETTINGS[agent]
    profile, home, run = load_profile(agent, tmp_path), tmp_path / "home", tmp_path / "run"
    (home / name).parent.mkdir(parents=True)
    (home / name).write_text(text)
    lead_to_gate(profile, home, run)
    copy = (run / name).read_text()
    assert "https://models.example.org" not in copy and f'"{AT_GATE}OWN_KEY.own"' in copy
    assert (home / name).read_text() == text and ("127.0.0.1:8080/v1" in copy) == ("127.0.0.1:8080/v1" in text)

    named = find_named(profile, home)
    given = {"OWN_KEY": "sk-1", "UNRELATED": "u"}
    door = make_doors((), given, named)["OWN_KEY.own"]
    assert (door.netloc, door.path, door.tls) == ("models.example.org", "/v1", True)
    assert door.fill(b"Bearer " + PLACEHOLDER.encode()) == b"Bearer sk-1" and door.fill(b"Bearer x") == b"Bearer x"
    assert hide_keys((), given, named) == {"OWN_KEY": PLACEHOLDER, "UNRELATED": "u"}


def test_a_service_without_its_key_is_reached_all_the_same(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(CODEX)
    named = find_named(load_profile("codex", tmp_path), tmp_path)
    assert [each.door for each in named] == ["OWN_KEY.own", "OTHER_KEY.with%20a%2Fslash"]
    assert make_doors((), {}, named)["OWN_KEY.own"].fill(PLACEHOLDER.encode()) == PLACEHOLDER.encode()
    assert hide_keys((), {}, named) == {}


@pytest.mark.parametrize(
    "text", ["", "model_providers = 7", "[model_providers]\nown = 7", "= broken", "[[model_providers]]"]
)
def test_settings_of_another_form_name_none(text: str, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(text)
    assert find_named(load_profile("codex", tmp_path), tmp_path) == ()


@pytest.mark.parametrize("address", ["", "models.example.org", "https://user:word@models.example.org", "ftp://x.org"])
def test_an_address_that_the_gate_cannot_open_stays(address: str, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    text = CODEX.replace("https://models.example.org/v1", address)
    (tmp_path / ".codex" / "config.toml").write_text(text)
    assert [each.key for each in find_named(load_profile("codex", tmp_path), tmp_path)] == ["OTHER_KEY"]


def test_settings_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".codex" / "config.toml").mkdir(parents=True)
    with pytest.raises(SettingsDamaged, match=r"config\.toml cannot be read: Is a directory\."):
        find_named(load_profile("codex", tmp_path), tmp_path)
