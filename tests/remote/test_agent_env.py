"""The variables for agents: what is kept can be read again."""

from pathlib import Path

import pytest

from remote.agent_env import read_env, set_env
from remote.errors import SettingsError


@pytest.mark.parametrize("value", ["one\ntwo", "one\rtwo", "one\u2028two", "one\n", "one\0two"])
def test_a_value_that_is_no_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path))
    set_env("KEY", "kept")
    with pytest.raises(SettingsError, match="one line"):
        set_env("OTHER", value)
    assert read_env() == {"KEY": "kept"}
    set_env("KEY", "")
    assert read_env() == {}
