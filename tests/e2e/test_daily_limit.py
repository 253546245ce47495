"""``castoff host budget`` on a real host: set, told, and no longer."""

import json
from pathlib import Path

import pytest

from tests.e2e.journey import lay_out
from tests.hosts import HostForTests
from tui.cli.root import main


def test_the_limit_of_a_day_is_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sshd_host: HostForTests
) -> None:
    lay_out(tmp_path, monkeypatch.setenv)
    sshd_host.write_settings(tmp_path / "config")
    name = sshd_host.host.name

    def ask(*words: str) -> dict[str, object]:
        assert main(["host", "budget", name, *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    try:
        assert ask("7.50")["max_usd"] == 7.5
        assert ask()["max_usd"] == 7.5, "it is kept there"
    finally:
        assert ask("off")["max_usd"] is None
    assert main(["host", "budget", name, "much"]) == 2
    assert "a number like 20" in capsys.readouterr().err
