from pathlib import Path

import pytest

from snapshot.capture import capture
from snapshot.filters import rsync_filters
from snapshot.survey import survey
from snapshot.verify import verify
from tests.snapshot.fingerprint import fingerprint
from tests.snapshot.repos import STATES, rsync, write


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["plain", 'it\'s a "tree" with\nnewline '])
def test_a_tree_arrives_exactly(tmp_path: Path, state: str, name: str) -> None:
    tree, there = tmp_path / name, tmp_path / "there"
    STATES[state](tree)
    before = fingerprint(tree)
    seen = survey(tree)
    manifest = capture(tree)
    assert (seen.files, seen.size) == (manifest.files, manifest.size)
    assert seen.refusals == ()
    rsync(tree, there, rsync_filters(tree, manifest.entries))
    assert verify(there, manifest) == ()
    assert fingerprint(tree) == before
    # In the sandbox it is at the same path as here.
    tree.rename(tmp_path / "original")
    there.rename(tree)
    assert fingerprint(tree) == before


def test_nothing_that_stays_arrives(tmp_path: Path) -> None:
    tree, there = tmp_path / "tree", tmp_path / "there"
    STATES["ignored"](tree)
    manifest = capture(tree)
    rsync(tree, there, rsync_filters(tree, manifest.entries))
    assert (there / "build/tracked.txt").exists()
    for stays in ("build/out.o", "src/app.pyc", "web/node_modules", "secret.txt"):
        assert not (there / stays).exists()


def test_a_file_made_after_the_capture_is_not_sent(tmp_path: Path) -> None:
    tree, there = tmp_path / "tree", tmp_path / "there"
    STATES["start"](tree)
    manifest = capture(tree)
    write(tree, "src/late [x]*.py")
    rsync(tree, there, rsync_filters(tree, manifest.entries))
    assert verify(there, manifest) == ()
