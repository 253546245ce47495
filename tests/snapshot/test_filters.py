import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshot.capture import capture
from snapshot.filters import rsync_filters
from snapshot.manifest import Manifest
from snapshot.verify import verify
from tests.snapshot.repos import NASTY, rsync, write
from tests.snapshot.trees import NAME, Shape, build, shapes


def without(manifest: Manifest, gone: set[str]) -> Manifest:
    """The manifest less ``gone`` and all below."""
    kept = tuple(
        entry
        for entry in manifest.entries
        if not any(entry.path == path or entry.path.startswith(f"{path}/") for path in gone)
    )
    return Manifest(entries=kept)


@settings(max_examples=60, deadline=None)
@given(shape=shapes(NAME, most=16), data=st.data())
def test_rsync_sends_exactly_the_manifest(shape: Shape, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        tree, there = Path(name) / "tree", Path(name) / "there"
        build(tree, shape)
        gone = data.draw(st.sets(st.sampled_from(sorted(shape)))) if shape else set[str]()
        manifest = without(capture(tree), gone)
        rsync(tree, there, rsync_filters(tree, manifest.entries))
        assert verify(there, manifest) == ()


@pytest.mark.parametrize("name", NASTY)
def test_one_nasty_name_stays_and_its_neighbours_travel(tmp_path: Path, name: str) -> None:
    tree = tmp_path / "tree"
    for other in [*NASTY, "a", "ab", "axb", "whatX", "back", "star", "deep/a"]:
        write(tree, other)
        write(tree, f"in {other}/{other}")
    manifest = without(capture(tree), {name, f"in {name}"})
    rsync(tree, tmp_path / "there", rsync_filters(tree, manifest.entries))
    assert verify(tmp_path / "there", manifest) == ()


@pytest.mark.parametrize("spoil", ["wildcards not escaped", "not anchored"])
def test_wrong_filters_are_caught(tmp_path: Path, spoil: str) -> None:
    tree = tmp_path / "tree"
    for name in ("*", "other", "inner/*", "inner/x"):
        write(tree, name)
    manifest = without(capture(tree), {"*"})
    right = rsync_filters(tree, manifest.entries)
    wrong = right.replace(b"\\", b"") if spoil == "wildcards not escaped" else right.replace(b"/", b"")
    rsync(tree, tmp_path / "there", wrong)
    assert verify(tmp_path / "there", manifest) != ()
