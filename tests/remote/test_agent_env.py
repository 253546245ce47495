"""The variables for agents: what is kept can be read again."""

from pathlib import Path

import pytest

from agent.profiles import load_profile
from agent.sessions import create_session
from remote.agent_env import read_env, set_env
from remote.errors import SettingsError
from remote.launch import launch_here, launch_on_host
from remote.place import Place


@pytest.mark.parametrize("value", ["one\ntwo", "one\rtwo", "one\u2028two", "one\n", "one\0two"])
def test_a_value_that_is_no_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path))
    set_env("KEY", "kept")
    with pytest.raises(SettingsError, match="one line"):
        set_env("OTHER", value)
    assert read_env() == {"KEY": "kept"}
    set_env("KEY", "")
    assert read_env() == {}


def test_a_profiles_variables_win_here_and_on_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path))
    monkeypatch.setenv("SETTLED", "here")
    set_env("SETTLED", "there")
    set_env("OTHER", "kept")
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    profile = load_profile("builtin").model_copy(update={"env": {"SETTLED": "profile"}})
    at = str(tmp_path)
    place = Place(host="vm", origin="here", sandbox="none", tree=at, tree_at=at, home=at, home_at=at)
    there = launch_on_host(session, profile, place, {"SETTLED": "given"})
    assert (there.env["SETTLED"], there.env["OTHER"]) == ("profile", "kept")
    assert launch_here(session, profile).env["SETTLED"] == "profile"
