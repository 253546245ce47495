"""``castoff init``, ``castoff allow`` and what a handoff takes from the project's settings."""

from pathlib import Path

import pytest

from remote.agreement import is_agreed
from remote.project import read_project
from tests.tui.cli.conftest import Castoff, MakeSession


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = tmp_path / "shop"
    tree.mkdir()
    (tree / "package-lock.json").write_text("{}")
    monkeypatch.chdir(tree)
    return tree


def test_init_shows_then_writes_and_agrees_to_its_own(castoff: Castoff, tree: Path) -> None:
    ran = castoff("init", "--dry-run")
    assert ran.status == 0 and 'run = "npm ci"' in ran.out and not (tree / ".castoff.toml").exists()
    ran = castoff("init", "--json")
    assert ran.status == 0 and ran.records[-1]["written"] is True
    assert ran.records[0]["text"] == (tree / ".castoff.toml").read_text()
    project = read_project(tree)
    assert [each.run for each in project.asks.setup] == ["npm ci"] and is_agreed(tree, project)


def test_init_never_overwrites_unless_told(castoff: Castoff, tree: Path) -> None:
    (tree / ".castoff.toml").write_text("# mine\n")
    ran = castoff("init", "--json")
    assert ran.status == 1 and ran.records[-1]["code"] == "exists"
    assert (tree / ".castoff.toml").read_text() == "# mine\n"
    assert castoff("init", "--force").status == 0
    assert "npm ci" in (tree / ".castoff.toml").read_text()


def test_allow_lists_what_is_asked_for_and_needs_a_yes(castoff: Castoff, tree: Path) -> None:
    (tree / ".castoff.toml").write_text('env = ["TOKEN"]\nsetup = ["make\\u001b[2J"]\n')
    ran = castoff("allow")
    assert ran.status == 2 and "TOKEN" in ran.out and "make" in ran.out and "\x1b" not in ran.out
    assert not is_agreed(tree, read_project(tree))
    ran = castoff("allow", "--yes", "--json")
    asks = {"type": "asks", "env": ["TOKEN"], "setup": ["make\x1b[2J"], "network": [], "watch": []}
    assert ran.status == 0 and ran.records[0] == asks
    assert is_agreed(tree, read_project(tree))
    assert castoff("allow", "--forget").status == 0
    assert not is_agreed(tree, read_project(tree))


def test_allow_where_nothing_is_asked(castoff: Castoff, tree: Path) -> None:
    ran = castoff("allow", "--json")
    assert ran.status == 1 and ran.records[-1]["code"] == "nothing-asked"


def test_a_handoff_without_a_host_goes_where_the_project_says(
    castoff: Castoff, tree: Path, make_session: MakeSession
) -> None:
    session = make_session()
    ran = castoff("handoff", session.id, "--yes", "--json")
    assert ran.status == 2 and ".castoff.toml" in ran.records[-1]["reason"]
    (Path(session.info.project) / ".castoff.toml").write_text('host = "nowhere"\n')
    ran = castoff("handoff", session.id, "--yes", "--json")
    assert ran.status == 1 and "'nowhere'" in ran.records[-1]["reason"]
    (Path(session.info.project) / ".castoff.toml").write_text("host = 1\n")
    ran = castoff("handoff", session.id, "--yes", "--json")
    assert ran.status == 1 and ran.records[-1]["code"] == "project-file"


def test_limits_that_are_not_given_come_from_the_project(tree: Path, make_session: MakeSession) -> None:
    from agent.events import Budget
    from tui.cli.defaults import fill_in

    session = make_session()
    (Path(session.info.project) / ".castoff.toml").write_text('host = "vm"\n[budget]\nmax_usd = 5\nmax_turns = 9\n')
    host, budget = fill_in(session, None, Budget(max_turns=3))
    assert (host, budget) == ("vm", Budget(max_usd=5.0, max_turns=3))
