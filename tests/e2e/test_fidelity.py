"""The fidelity matrix: every state goes to a host by a real connection and rsync, is the same there in the sandbox at
the same path, and comes home with nothing changed but what was changed there."""

import ast
import os
import sys
from pathlib import Path
from typing import cast

import pytest

from remote.connection import Connection
from remote.launch import GIT_STAT
from remote.rsync import send
from remote.sandbox import RUNTIME_AT, Bind, environment, wrap
from snapshot.capture import capture, capture_paths
from snapshot.changes import compare
from snapshot.commits import LEFT, bundle_all, what_left
from snapshot.filters import rsync_filters
from snapshot.manifest import Manifest, dump_manifest, parse_manifest
from snapshot.survey import survey
from snapshot.verify import verify
from tests.e2e.fidelity import ALL, PAGE, render
from tests.e2e.journey import Place, lay_out
from tests.hosts import HostForTests
from tests.snapshot.repos import fingerprint

_ROOT = Path(__file__).parents[2]
_LOOK = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; tree = Path(sys.argv[2]); "
_FINGERPRINT = _LOOK + "from tests.snapshot.repos import fingerprint; print(fingerprint(tree))"
_LIST = _LOOK + "from snapshot.listing import list_paths; print(list_paths(tree))"
_IDENTITY = {f"GIT_{who}_{what}": "ann" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in (_IDENTITY | {"GIT_CONFIG_NOSYSTEM": "1"}).items():
        monkeypatch.setenv(name, value)
    return lay_out(tmp_path, monkeypatch.setenv, project="work/a project")


@pytest.mark.parametrize("state", ALL)
async def test_a_state_is_the_same_there_and_after_return(
    state: str, laptop: Place, embedded_host: HostForTests
) -> None:
    tree, there = laptop.project, embedded_host.home / "fidelity" / state
    there.parent.mkdir(exist_ok=True)
    tree.rmdir()
    ALL[state](tree)
    before = fingerprint(tree)
    assert survey(tree).refusals == ()
    async with await embedded_host.connect() as connection:
        manifest = await _send(connection, tree, there)
        assert verify(there, manifest) == ()
        assert await _look(connection, _FINGERPRINT, laptop, there) == before
        # What git did there while it looked changed nothing either, but for the times that an index is refreshed with.
        assert [d for d in verify(there, manifest) if not d.path.endswith("index")] == []
        (there / "by the run").write_text("made there\n")
        listed = await _look(connection, _LIST, laptop, there)
    theirs = capture_paths(there, cast("list[str]", listed), base=manifest)
    assert [(change.path, change.change) for change in compare(manifest, theirs)] == [("by the run", "added")]
    left = LEFT.validate_json(LEFT.dump_json(what_left(manifest)))
    assert bundle_all(tree, left, laptop.root) == 0
    assert fingerprint(tree) == before


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == render(), "Write it anew: make docs"


def test_the_matrix_is_large() -> None:
    assert len(ALL) >= 40


async def _send(connection: Connection, tree: Path, there: Path) -> Manifest:
    overlay = there.parent / "overlay"
    manifest = parse_manifest(dump_manifest(capture(tree, overlay=overlay)))
    rules = b"".join(b"- " + rule + b"\0" for rule in rsync_filters(tree, manifest).split(b"\0") if rule)
    over = overlay if overlay.exists() else None
    await send(connection, tree, str(there), filters=rules, delete=True, overlay=over)
    return manifest


async def _look(connection: Connection, code: str, laptop: Place, there: Path) -> object:
    """Run Python code with the tree at the laptop's path, in the sandbox."""
    python = str(RUNTIME_AT / Path(sys.executable).relative_to(sys.prefix))
    home = there.parent / "home"
    home.mkdir(exist_ok=True)
    argv = wrap(
        [python, "-c", code, str(_ROOT), str(laptop.project)],
        level="open",
        tree=there,
        tree_at=str(laptop.project),
        home=home,
        home_at=str(laptop.home),
        runtime=Path(sys.prefix),
        base_prefix=Path(sys.base_prefix),
        binds=[Bind(source=_ROOT)],
    )
    given = {**GIT_STAT, **_IDENTITY, "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    env = environment(given, level="open", home=home, home_at=str(laptop.home), runtime=Path(sys.prefix))
    said = await connection.run(["env", "-i", *(f"{name}={value}" for name, value in env.items()), *argv])
    return ast.literal_eval(os.fsdecode(said.stdout))
