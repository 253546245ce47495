"""A project's settings on a real journey: an ignored file that travels, a variable, a setup command that builds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.events import SetupEnded, SetupPrinted, SetupStarted
from agent.journal import read_events
from agent.paths import state_dir
from agent.sessions import SessionDir
from remote.agreement import agree
from remote.handoff import hand_off
from remote.place import read_place
from remote.project import read_project
from remote.pull import pull_back
from remote.steps import Away, Home, Preflighted, StillHere
from remote.terms import Terms
from tests.e2e.journey import drive, wait_for_run
from tests.e2e.scene import Scene

SETTINGS = """
include = ["build/data.bin"]
exclude = ["scratch/"]
env = ["CASTAWAY"]

[[setup]]
run = "mkdir -p .venv && cat requirements.txt build/data.bin >> .venv/built && printf %s $CASTAWAY | wc -c"
files = ["requirements.txt"]
"""
VALUE = "tr0ub4dor"


@pytest.fixture
def project(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CASTAWAY", VALUE)
    tree = scene.place.project
    for name, text in {
        ".gitignore": "build/\n.venv/\n",
        ".castoff.toml": SETTINGS,
        "requirements.txt": "one\n",
        "build/data.bin": "data\n",
        "build/other.bin": "stays\n",
        "scratch/notes.txt": "mine\n",
    }.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    scene.place.git("init", "-q")
    scene.place.git("add", ".gitignore", ".castoff.toml", "requirements.txt")
    scene.place.git("commit", "-qm", "first")
    yield tree


def there(scene: Scene, session: SessionDir) -> Path:
    return scene.host.home / ".local/state/castoff/trees" / session.id


def setups(scene: Scene, session: SessionDir) -> list[tuple[str, int | None]]:
    journal = scene.host.home / ".local/state/castoff/sessions" / session.id / "journal.jsonl"
    events = list(read_events(journal))
    printed = [event.text for event in events if isinstance(event, SetupPrinted)]
    ended = [event.status for event in events if isinstance(event, SetupEnded)]
    assert len(ended) == sum(isinstance(event, SetupStarted) for event in events)
    return list(zip(printed, ended, strict=True))


async def cast_off(scene: Scene, session: SessionDir, say: str = "") -> list[object]:
    return list(await drive(hand_off(session, scene.links.host("vm"), Terms(say=say), scene.links)))


async def test_what_is_asked_for_is_shown_agreed_to_and_done_once(scene: Scene, project: Path) -> None:
    session = scene.session()
    steps = await cast_off(scene, session)
    seen = next(step for step in steps if isinstance(step, Preflighted))
    assert [(each.what, each.files) for each in seen.extras.included] == [("build/", 1)]
    assert seen.extras.env == ("CASTAWAY",) and ".venv/built" in seen.extras.setup[0]
    assert {"scratch/", "build/other.bin"} & {stays.what for stays in seen.stays} >= {"scratch/"}
    assert isinstance(steps[-1], StillHere) and steps[-1].code == "not-allowed", steps[-1]

    agree(project, read_project(project))
    away = (await cast_off(scene, session, "Do it. [[script: task]]"))[-1]
    assert isinstance(away, Away), away
    state = await wait_for_run(scene.host, session.id, lambda state: state.phase in ("finished", "failed"))
    assert state.phase == "finished", state.detail
    assert setups(scene, session) == [(f"{len(VALUE)}\n", 0)]
    assert (there(scene, session) / ".venv/built").read_text() == "one\ndata\n"
    assert not (there(scene, session) / "scratch").exists()
    assert not (there(scene, session) / "build/other.bin").exists()
    first = next(block.text for block in state.blocks if block.type == "prompt")
    assert first.startswith("Before you the project's setup command ran here: mkdir") and "[[script: task]]" in first
    _assert_kept_secret(scene, session)

    (there(scene, session) / "build/data.bin").write_text("of the run\n")
    home = (await drive(pull_back(scene.links, "vm", session.id)))[-1]
    assert isinstance(home, Home), home
    assert (project / "build/data.bin").read_text() == "of the run\n"
    assert (project / "build/other.bin").read_text() == "stays\n"
    assert (project / "scratch/notes.txt").read_text() == "mine\n"
    assert not (project / ".venv").exists()
    assert not (scene.host.home / ".local/state/castoff/sessions" / session.id / "furnishing.json").exists()

    away = (await cast_off(scene, session))[-1]
    assert isinstance(away, Away), away
    assert (there(scene, session) / ".venv/built").read_text() == "one\ndata\n", "it stayed, and was not built again"
    assert len(setups(scene, session)) == 1
    assert isinstance((await drive(pull_back(scene.links, "vm", session.id)))[-1], Home)

    (project / "requirements.txt").write_text("two\n")
    assert isinstance((await cast_off(scene, session, "Do it. [[script: task]]"))[-1], Away)
    await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished" and state.turns == 2)
    assert (there(scene, session) / ".venv/built").read_text() == "one\ndata\ntwo\nof the run\n"


def _assert_kept_secret(scene: Scene, session: SessionDir) -> None:
    """The value is in one file there, its user's alone, and nowhere in what castoff keeps here."""
    kept = scene.host.home / ".local/state/castoff/sessions" / session.id
    place = read_place(SessionDir(kept, session.info))
    assert place is not None
    holders = [path for path in kept.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    assert [path.name for path in holders] == ["furnishing.json"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert not [path for path in state_dir().rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert VALUE.encode() not in path.read_bytes()
        except OSError:
            continue


async def test_a_setup_that_fails_is_told_to_the_user_and_to_the_agent(scene: Scene, project: Path) -> None:
    (project / ".castoff.toml").write_text('setup = ["echo broken; exit 7", "touch never"]\n')
    agree(project, read_project(project))
    session = scene.session()
    assert isinstance((await cast_off(scene, session, "Do it. [[script: task]]"))[-1], Away)
    state = await wait_for_run(scene.host, session.id, lambda state: state.phase == "finished")
    assert setups(scene, session) == [("broken\n", 7)]
    assert not (there(scene, session) / "never").exists()
    first = next(block.text for block in state.blocks if block.type == "prompt")
    assert first.startswith("The project's setup command failed with status 7: echo broken; exit 7\n")


async def test_a_file_that_is_wrong_moves_nothing_and_says_where(scene: Scene, project: Path) -> None:
    (project / ".castoff.toml").write_text('\nexlude = ["scratch/"]\n')
    told = (await cast_off(scene, scene.session()))[-1]
    assert isinstance(told, StillHere) and told.code == "project-file"
    assert "line 2, exlude: this name is not known; it may be 'exclude'" in told.reason
