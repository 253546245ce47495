"""What is called fine is written into the project's own settings, and changes nothing else there."""

import tomllib
from pathlib import Path

import pytest

from remote.agreement import agree, is_agreed
from remote.errors import ProjectFileInvalid
from remote.project import read_project
from remote.project_fine import add_fine, can_be_fine, remove_fine, teach_fine


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE", "CONFIG"):
        monkeypatch.setenv(f"CASTOFF_{name}", str(tmp_path / name.lower()))
    (tmp_path / "config").mkdir()
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


def test_what_is_fine_is_agreed_to_and_can_be_taken_out(tree: Path) -> None:
    assert add_fine(tree, "same_call: make poll") and not add_fine(tree, "same_call: make poll")
    project = read_project(tree)
    assert project.settings.watch.fine == ("same_call: make poll",)
    assert project.loosens == ("fine",) and is_agreed(tree, project)
    assert remove_fine(tree, "same_call: make poll") and not remove_fine(tree, "same_call: make poll")
    assert read_project(tree).settings.watch.fine == ()


def test_the_rest_of_the_file_and_its_mode_stay(tree: Path) -> None:
    file = tree / ".castoff.toml"
    file.write_text('# mine\nhost = "vm"  # the big one\n\n[watch]\nsame_call = [3, 4]\n\n[budget]\nmax_turns = 3\n')
    file.chmod(0o664)
    before = file.read_text()
    add_fine(tree, "outside: docs")
    after = file.read_text()
    assert "# mine" in after and "# the big one" in after and file.stat().st_mode & 0o777 == 0o664
    assert tomllib.loads(after) == {
        **tomllib.loads(before),
        "watch": {"same_call": [3, 4], "fine": ["outside: docs"]},
    }
    remove_fine(tree, "outside: docs")
    assert tomllib.loads(file.read_text()) == tomllib.loads(before)


def test_what_was_not_agreed_to_is_not_agreed_to_by_that(tree: Path) -> None:
    (tree / ".castoff.toml").write_text('env = ["TOKEN"]\n')
    add_fine(tree, "same_call: make")
    assert not is_agreed(tree, read_project(tree))
    agree(tree, read_project(tree))
    add_fine(tree, "same_call: make all")
    assert is_agreed(tree, read_project(tree))


def test_what_is_fine_everywhere_stays_so(tree: Path) -> None:
    (tree.parent / "config" / "project.toml").write_text('[watch]\nfine = ["same_call: date"]\n')
    add_fine(tree, "same_call: make")
    assert read_project(tree).settings.watch.fine == ("same_call: date", "same_call: make")


@pytest.mark.parametrize("key", ['a "b"]\nhost = "evil"', "\x1b[31m\u202e", "line\nline", "'''", "\\", "#", ""])
def test_keys_are_text_and_nothing_else(tree: Path, key: str) -> None:
    (tree / ".castoff.toml").write_text('host = "vm"\n')
    matter = f"same_call: {key}"
    add_fine(tree, matter)
    settings = read_project(tree).settings
    assert settings.watch.fine == (matter,) and settings.host == "vm"


def test_a_file_that_cannot_be_used_or_is_a_link_is_left_alone(tree: Path) -> None:
    file, other = tree / ".castoff.toml", tree.parent / "other.toml"
    file.write_text("includ = []")
    with pytest.raises(ProjectFileInvalid):
        add_fine(tree, "same_call: make")
    assert file.read_text() == "includ = []"
    file.unlink()
    other.write_text('host = "vm"\n')
    file.symlink_to(other)
    with pytest.raises(ProjectFileInvalid, match="link"):
        add_fine(tree, "same_call: make")
    assert other.read_text() == 'host = "vm"\n' and file.is_symlink()


def test_gates_and_time_are_fine_once_only(tree: Path) -> None:
    assert not any(map(can_be_fine, ("before_steps", "diff_lines", "touching", "commands", "silence", "alone_hours")))
    assert teach_fine(tree, "silence", "") == "" and not (tree / ".castoff.toml").exists()
    assert "Wrote monologue: " in teach_fine(tree, "monologue", "")
    assert teach_fine(tree / "gone", "monologue", "") == ""
