"""``castoff new`` with an agent that is not here."""

import os
from pathlib import Path

import pytest

from tests.tui.cli.conftest import Castoff

PROFILE = """
name = "fetched"
title = "Fetched"
launch = ["fetched"]
find = ["fetched/bin/fetched"]
session_files = [".fetched/{sid}"]
resume = ["load"]
usage = "none"
megabytes = 7
install = "Install it with: sh -c 'mkdir -p $1/fetched/bin && cp /bin/cat $1/fetched/bin/fetched' sh {agents}"
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    agents = Path(os.environ["CASTOFF_CONFIG"]) / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    (agents / "fetched.toml").write_text(PROFILE)
    monkeypatch.setenv("CASTOFF_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_without_a_word_nothing_is_installed_and_no_session_begun(castoff: Castoff, data: Path) -> None:
    last = castoff("new", "--agent", "fetched", "--prompt", "Go", "--json").records[-1]
    assert (last["code"], last["ok"]) == ("agent-missing", False)
    assert last["way_out"].startswith(
        f"With --install-agent it is installed: about 7 MB in {data / 'agents'}, by sh -c"
    )
    assert not (data / "agents").exists()
    assert not list(Path(os.environ["CASTOFF_STATE"]).glob("sessions/*"))


def test_with_one_it_is_installed_first(castoff_process: Castoff, data: Path) -> None:
    ran = castoff_process("new", "--agent", "fetched", "--prompt", "Go", "--install-agent")
    assert ran.status == 0, ran.err
    assert (data / "agents/fetched/bin/fetched").exists() and "installing Fetched" in ran.out + ran.err
    castoff_process("stop")


def test_what_castoff_cannot_install_is_told(castoff: Castoff, data: Path) -> None:
    file = Path(os.environ["CASTOFF_CONFIG"]) / "agents" / "fetched.toml"
    file.write_text(PROFILE.replace("Install it with: sh", "Install it by sh"))
    last = castoff("new", "--agent", "fetched", "--prompt", "Go", "--install-agent", "--json").records[-1]
    assert (last["code"], "Install it by sh" in last["way_out"]) == ("agent-missing", True)
