"""``castoff secrets``: what may travel of a project is listed, added and taken back, and no value is shown."""

import subprocess
from pathlib import Path

import click
import pytest

from agent.events import Prompted, TurnStarted
from agent.paths import state_dir
from remote.secret_grants import list_grants
from snapshot.secrets import fingerprint
from tests.snapshot.plants import plants
from tests.tui.cli.conftest import Castoff, MakeSession
from tui.cli.commands.secrets import complete_grant, forget

OTHER, PLANT = (plant for plant in plants(seed=71, rounds=1) if plant.kind in ("password-env", "github-classic"))
NAMES = {plant: fingerprint(plant.secret.encode()) for plant in (PLANT, OTHER)}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = tmp_path / "shop"
    tree.mkdir()
    (tree / "a\n\x1b[2J.env").write_bytes(PLANT.data)
    (tree / "b.env").write_bytes(OTHER.data)
    monkeypatch.chdir(tree)
    return tree


def test_what_is_allowed_is_listed_and_forgotten(castoff: Castoff, tree: Path) -> None:
    assert "No secret of this project may travel." in castoff("secrets", "list").out
    ran = castoff("secrets", "allow", NAMES[PLANT][:12], NAMES[OTHER][:8].upper(), "--json")
    assert ran.status == 0 and {record["fingerprint"] for record in ran.records[:-1]} == set(NAMES.values())
    ran = castoff("secrets", "list", "--json")
    assert {record["fingerprint"]: record["path"] for record in ran.records[:-1]} == {
        NAMES[PLANT]: "a\n\x1b[2J.env",
        NAMES[OTHER]: "b.env",
    }
    plain = castoff("secrets", "list").out
    assert NAMES[PLANT][:12] in plain and "b.env" in plain and "\x1b" not in plain
    assert castoff("secrets", "forget", NAMES[PLANT][:8]).status == 0
    assert set(list_grants(tree)) == {NAMES[OTHER]}
    assert castoff("secrets", "forget", "--all", "--json").records[-1]["forgotten"] == [NAMES[OTHER]]
    assert list_grants(tree) == {}


def test_no_value_is_shown_or_kept(castoff: Castoff, tree: Path) -> None:
    told = [
        castoff("secrets", "allow", *NAMES.values()),
        castoff("secrets", "list"),
        castoff("secrets", "list", "--json"),
    ]
    kept = [file.read_bytes() for file in state_dir().rglob("*") if file.is_file()]
    for plant in (PLANT, OTHER):
        assert all(plant.secret not in ran.out + ran.err for ran in told)
        assert all(plant.secret.encode() not in data for data in kept)


def test_only_what_is_found_can_be_allowed(castoff: Castoff, tree: Path) -> None:
    ran = castoff("secrets", "allow", "0123456789ab", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "secret-unknown")
    assert list_grants(tree) == {}
    ran = castoff("secrets", "forget", "0123456789ab", "--json")
    assert (ran.status, ran.records[-1]["code"]) == (1, "secret-unknown")


def test_what_is_staged_and_what_a_session_says_can_be_allowed(
    castoff: Castoff, tree: Path, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in tree.iterdir():
        file.unlink()
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    (tree / "s.env").write_bytes(PLANT.data)
    subprocess.run(["git", "add", "s.env"], cwd=tree, check=True)
    (tree / "s.env").write_text("nothing\n")
    session = make_session((Prompted(prompt_id="p1", text=f"Use {OTHER.secret}"), TurnStarted(prompt_id="p1")))
    monkeypatch.chdir(session.info.project)
    assert castoff("secrets", "allow", NAMES[OTHER][:12]).status == 0
    assert list_grants(Path(session.info.project))[NAMES[OTHER]].path.startswith("session/")
    assert castoff("secrets", "allow", NAMES[PLANT][:12], "--project", str(tree)).status == 0


@pytest.mark.parametrize(
    "argv", [("allow",), ("allow", "xyz"), ("allow", "1234"), ("forget",), ("forget", "--all", "12345678")]
)
def test_misuse_is_2(castoff: Castoff, tree: Path, argv: tuple[str, ...]) -> None:
    assert castoff("secrets", *argv).status == 2


def test_completion_knows_what_is_allowed(castoff: Castoff, tree: Path) -> None:
    castoff("secrets", "allow", *NAMES.values())
    context = click.Context(forget)
    (item,) = complete_grant(context, forget.params[0], NAMES[PLANT][:3])
    assert item.value == NAMES[PLANT][:12] and item.help is not None
    assert "\n" not in item.help and "\x1b" not in item.help
    (state_dir() / "projects").rename(state_dir() / "elsewhere")
    assert complete_grant(context, forget.params[0], "") == []


def test_a_damaged_record_is_a_sentence(castoff: Castoff, tree: Path) -> None:
    castoff("secrets", "allow", NAMES[OTHER])
    (file,) = (state_dir() / "projects").rglob("allowed-secrets.json")
    file.write_text("{")
    assert castoff("secrets", "list", "--json").records[-1]["code"] == "allow-list-damaged"
