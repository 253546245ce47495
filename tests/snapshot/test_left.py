"""What left is kept byte for byte, whatever git would make of it."""

import os
from pathlib import Path

import pytest

from snapshot.capture import capture
from snapshot.left import keep_left, read_left
from snapshot.manifest import Manifest
from tests.snapshot.fingerprint import fingerprint
from tests.snapshot.repos import STATES, run, start, write


def unknown(tree: Path, store: Path, manifest: Manifest, overlay: Path | None = None) -> list[str]:
    """The files of which the store does not have the bytes."""
    left = keep_left(tree, store, manifest, overlay)
    files = [entry for entry in manifest.tree_entries() if entry.type == "file"]
    return [entry.path for entry in files if read_left(store, left, entry) is None]


@pytest.mark.parametrize("state", STATES)
def test_every_file_is_kept_and_the_repository_is_not_touched(tmp_path: Path, state: str) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    STATES[state](tree)
    before = fingerprint(tree)
    assert unknown(tree, store, capture(tree)) == []
    assert fingerprint(tree) == before


def test_line_ends_and_filters_change_nothing(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    rules = ("*.txt text eol=crlf", "*.id ident", "*.up filter=up", "*.wide working-tree-encoding=UTF-16")
    write(tree, ".gitattributes", "\n".join(rules))
    run(tree, "config", "filter.up.clean", "tr a-z A-Z")
    run(tree, "config", "filter.up.smudge", "tr A-Z a-z")
    write(tree, "a.txt", b"one\r\ntwo\r\n")
    write(tree, "a.id", "$Id: 0123 $\n")
    write(tree, "a.up", "lower\n")
    write(tree, "a.wide", "wide\n".encode("utf-16"))
    # So old that git believes its index.
    os.utime(tree / "a.up", (10**9, 10**9))
    run(tree, "add", ".")
    run(tree, "commit", "-qm", "converted")
    write(tree, "b.txt", b"new\r\n")
    # A filter that keeps the size is not seen: such a file has no known base, and is never merged by lines.
    assert unknown(tree, store, capture(tree)) == ["a.up"]


def test_a_second_time_keeps_what_changed_and_still_has_the_first(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    first = capture(tree)
    left = keep_left(tree, store, first)
    write(tree, "README", "changed\n")
    (tree / "src/app.py").unlink()
    second = capture(tree)
    assert unknown(tree, store, second) == []
    assert [e.path for e in first.tree_entries() if e.type == "file" and read_left(store, left, e) is None] == []


def test_what_left_with_other_bytes_is_kept_so(tmp_path: Path) -> None:
    tree, store, overlay = tmp_path / "tree", tmp_path / "store", tmp_path / "overlay"
    start(tree)
    write(tree, "README", "token = s3cr3t\n")
    manifest = capture(tree, overlay=overlay, changes={"README": lambda data: data.replace(b"s3cr3t", b"******")})
    assert unknown(tree, store, manifest, overlay) == []
    left = keep_left(tree, store, manifest, overlay)
    assert read_left(store, left, manifest.by_path["README"]) == b"token = ******\n"


def test_a_damaged_store_knows_nothing_and_says_no_wrong_bytes(tmp_path: Path) -> None:
    tree, store = tmp_path / "tree", tmp_path / "store"
    start(tree)
    write(tree, "README", "mine\n")
    manifest = capture(tree)
    left = keep_left(tree, store, manifest)
    for blob in (store / "objects").glob("[0-9a-f][0-9a-f]/*"):
        blob.unlink()
    assert read_left(store, left, manifest.by_path["README"]) is None
