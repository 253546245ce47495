"""The project's settings file: read strictly, told with line and key, and agreed to before it gets anything."""

from pathlib import Path
from typing import get_args

import pytest

from agent.deeds import Deed, Rules
from remote import project
from remote.agreement import agree, find_disagreement, is_agreed, withdraw_agreement
from remote.errors import ProjectFileInvalid
from remote.project import Limits, Project, ProjectSettings, parse_settings, read_attended_rules, read_project
from snapshot.selection import Selection


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


def write_own(tree: Path, text: str) -> Project:
    (tree / ".castoff.toml").write_text(text)
    return read_project(tree)


def write_user(tree: Path, text: str) -> None:
    (tree.parent / "config").mkdir(exist_ok=True)
    (tree.parent / "config" / "project.toml").write_text(text)


def test_without_a_file_nothing_is_chosen(tree: Path) -> None:
    assert read_project(tree) == Project()
    assert read_project(tree).selection() == Selection()


def test_everything_that_can_be_said(tree: Path) -> None:
    project = write_own(
        tree,
        """
        include = [".env.test"]
        exclude = ["scratch/"]
        env = ["DATABASE_URL"]
        setup = ["make deps", { run = "npm ci", files = ["package-lock.json"] }]
        host = "vm"
        [budget]
        max_usd = 5
        max_turns = 40
        """,
    )
    settings = project.settings
    assert project.selection(leave=("a",)) == Selection(include=(".env.test",), exclude=("scratch/",), leave=("a",))
    assert settings.env == ("DATABASE_URL",) and settings.host == "vm"
    assert [(each.run, each.files) for each in settings.setup] == [
        ("make deps", ()),
        ("npm ci", ("package-lock.json",)),
    ]
    assert settings.budget == Limits(max_usd=5.0, max_turns=40)


def test_the_projects_own_file_wins_field_by_field_and_limit_by_limit(tree: Path) -> None:
    write_user(tree, 'exclude = ["*.core"]\nhost = "vm"\nenv = ["EDITOR_KEY"]\n[budget]\nmax_usd = 5\nmax_turns = 9\n')
    project = write_own(tree, 'exclude = []\nenv = ["A"]\n[budget]\nmax_turns = 40\n')
    assert (project.settings.exclude, project.settings.env, project.settings.host) == ((), ("A",), "vm")
    assert project.settings.budget == Limits(max_usd=5.0, max_turns=40)
    assert project.asks.env == ("A",) and project.asks.host == ""


def test_a_projects_file_takes_no_rule_of_the_users_away(tree: Path) -> None:
    write_user(tree, '[policy.unattended]\nask = ["run"]\ndeny = ["outside"]\n[policy.attended]\nask = ["network"]\n')
    own = '[policy.unattended]\nask = ["network"]\ndeny = []\n[policy.attended]\nask = []\n'
    policy = write_own(tree, own).settings.policy
    assert policy.unattended.rules == Rules(ask=("run", "network"), deny=("outside",))
    assert policy.attended.rules == read_attended_rules(tree) == Rules(ask=("network",))


def test_where_the_settings_cannot_be_read_everything_is_asked_for(tree: Path) -> None:
    assert read_attended_rules(tree) == Rules()
    (tree / ".castoff.toml").write_text("[policy]\nattendet = {}")
    assert read_attended_rules(tree) == Rules(ask=get_args(Deed))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('includ = ["a"]', "line 1, includ: this name is not known; it may be 'include'"),
        ("colour = 1", "line 1, colour: this name is not known; the names are include, exclude"),
        (
            "host = 'vm'\n\n[budget]\nmax_usdd = 3",
            "line 4, budget.max_usdd: this name is not known; it may be 'max_usd'",
        ),
        ('[[setup]]\nrun = "a"\n[[setup]]\nrum = "b"', "line 4, setup.rum: this name is not known; it may be 'run'"),
        ("host = \nenv = []", "at line 1"),
        ('env = ["TOKEN=abc"]', "line 1, env: 'TOKEN=abc' is no name of a variable"),
        ('env = "A"', "line 1, env: write a list"),
        ('env = ["LD_PRELOAD"]', "line 1, env: LD_PRELOAD is set on the host by castoff itself"),
        ('\ninclude = ["~/.ssh"]', "line 2, include: '~/.ssh' leads out of the project"),
        ('exclude = ["a/../../b"]', "line 1, exclude: 'a/../../b' leads out of the project"),
        ("[budget]\nmax_usd = -1", "line 2, budget.max_usd: a limit is a number above 0"),
        ("[budget]\nmax_turns = 2.5", "line 2, budget.max_turns: write a whole number"),
        ("[budget]\nmax_usd = nan", "line 2, budget.max_usd: a limit is a number above 0"),
        ('setup = [{ run = "a", files = ["../x"] }]', "line 1, setup.files: '../x' is not a file of the project"),
        ("[policy]\nattendet = {}", "line 2, policy.attendet: this name is not known; it may be 'attended'"),
        ('[policy.attended]\ndeni = ["run"]', "line 2, policy.attended.deni: this name is not known; it may be 'deny'"),
        ('[policy.attended]\ndeny = ["all"]', "policy.attended.deny: this is none of the words"),
        ('setup = [" "]', "line 1, setup.run: a command is a line of text"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ProjectFileInvalid) as caught:
        parse_settings(text, ".castoff.toml")
    assert str(caught.value).startswith(".castoff.toml cannot be used: ")
    assert told in str(caught.value) and caught.value.way_out


@pytest.mark.parametrize("data", [b"\xff", b"#" * 70_000])
def test_what_is_no_text_or_too_long(tree: Path, data: bytes) -> None:
    (tree / ".castoff.toml").write_bytes(data)
    with pytest.raises(ProjectFileInvalid):
        read_project(tree)


def test_what_is_no_file(tree: Path) -> None:
    (tree / ".castoff.toml").mkdir()
    with pytest.raises(ProjectFileInvalid, match="it is not a file"):
        read_project(tree)


@pytest.mark.parametrize("text", ['env = ["A"]', 'setup = ["make"]', "[watch]\nsilence = [0, 0]"])
def test_what_it_asks_for_is_agreed_to_once_and_again_when_the_file_changes(tree: Path, text: str) -> None:
    project = write_own(tree, text)
    (problem,) = find_disagreement(tree, project)
    assert problem.blocking and problem.code == "not-allowed" and "castoff allow" in problem.way_out
    agree(tree, project)
    assert find_disagreement(tree, project) == []
    assert not is_agreed(tree, write_own(tree, text + "\n# changed\n"))
    assert is_agreed(tree, write_own(tree, text))
    assert not is_agreed(tree.parent, write_own(tree, text)), "agreed to for this folder only"
    withdraw_agreement(tree)
    assert not is_agreed(tree, project)


def test_what_only_chooses_files_or_is_the_users_own_needs_no_agreement(tree: Path) -> None:
    write_user(tree, 'env = ["MINE"]\nsetup = ["make"]\n')
    assert find_disagreement(tree, write_own(tree, 'include = ["a"]\nhost = "vm"\n')) == []


def test_the_example_of_the_page_is_right_and_names_everything() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    settings = parse_settings(page.partition("```toml\n")[2].partition("```")[0], "the page")
    assert settings.model_fields_set == set(ProjectSettings.model_fields)
    assert settings.budget.model_fields_set == set(Limits.model_fields)


def test_what_runs_are_watched_by_is_merged_name_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.mkdir()
    monkeypatch.setattr(project, "config_dir", lambda: config)
    (config / "project.toml").write_text("[watch]\nalone_hours = 3\nsame_call = [9, 12]\n")
    (tmp_path / ".castoff.toml").write_text('[watch]\nsame_call = [5, 8]\nfine = ["same_call: make poll"]\n')
    watch = read_project(tmp_path).settings.watch
    assert (watch.alone_hours, watch.same_call, watch.fine) == (3, (5, 8), ("same_call: make poll",))
    with pytest.raises(ProjectFileInvalid, match="it may be 'same_call'"):
        parse_settings("[watch]\nsame_cal = [1, 2]\n", "the page")
