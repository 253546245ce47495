import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshot.capture import capture, capture_paths
from snapshot.errors import ManifestDamaged
from snapshot.filters import rsync_filters
from snapshot.listing import list_paths
from snapshot.manifest import Entry, Manifest, dump_manifest, parse_manifest
from snapshot.names import decode_name, encode_name
from snapshot.paths import check_paths
from snapshot.verify import verify
from tests.snapshot.repos import odd_names, rsync, run


@given(st.binary().filter(lambda name: b"\0" not in name))
def test_every_name_comes_back(name: bytes) -> None:
    text = os.fsdecode(name)
    written = json.loads(json.dumps(encode_name(text), ensure_ascii=False).encode())
    assert decode_name(written) == text
    assert os.fsencode(decode_name(written)) == name


@pytest.mark.parametrize("written", ["\0c3\0a9", "x\0e2\x0082\0ac", "\udfff", "\ud83d", "\udc41", 3, None])
def test_no_other_way_to_write_a_name(written: object) -> None:
    with pytest.raises(ValueError, match="name"):
        decode_name(written)


def test_what_is_no_escape_stays_and_is_refused() -> None:
    hostile = Entry(path=decode_name("a\0zz"), type="file", mode=0o644, size=0, mtime_ns=0, digest="0" * 64)
    assert [problem.code for problem in check_paths(Manifest(entries=(hostile,)))] == ["nul"]


def test_a_host_cannot_write_one_name_twice() -> None:
    entry = Entry(path="\udce9", type="file", mode=0o644, size=0, mtime_ns=0, digest="0" * 64)
    data = dump_manifest(Manifest(entries=(entry, entry.model_copy(update={"path": "é"}))))
    assert b"\\u0000e9" in data
    with pytest.raises(ManifestDamaged):
        parse_manifest(data.replace(b"\\u0000e9", b"\\u0000c3\\u0000a9"))


def test_names_on_the_way_home_obey_the_same_rules() -> None:
    def problems(path: str, target: str = "") -> list[str]:
        kind = "symlink" if target else "file"
        entry = Entry(path=path, type=kind, mode=0o644, size=0, mtime_ns=0, digest="0" * 64, target=target)
        return [problem.code for problem in check_paths(Manifest(entries=(entry,)))]

    assert problems("caf\udce9/x") == []
    assert problems("\udce9/../x") == ["traversal"]
    assert problems("\udce9/.git/x") == ["git-name"]
    assert problems("\udce9" * 256) == ["too-long"]
    assert problems("\udce9" * 255) == []
    (problem,) = check_paths(
        Manifest(entries=(Entry(path="\udce9 ", type="dir", mode=0o755, size=0, mtime_ns=0, digest=""),))
    )
    assert problem.path == "\\xe9 "
    assert problem.model_dump_json()


def test_such_a_tree_travels_and_its_list_comes_back(tmp_path: Path) -> None:
    tree, there = tmp_path / "tree", tmp_path / "there"
    odd_names(tree)
    manifest = capture(tree)
    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert "caf\udce9/\udcff" in manifest.by_path
    (tree / os.fsdecode(b"late \xfe")).touch()
    rsync(tree, there, rsync_filters(tree, manifest.entries))
    assert verify(there, manifest) == ()
    (there / os.fsdecode(b"caf\xe9/\xff")).write_text("other")
    assert [(d.path, d.what) for d in verify(there, manifest)] == [(r"caf\xe9/\xff", "size")]
    assert capture_paths(tree, list_paths(tree)).entries == capture(tree).tree_entries()
    assert run(tree, "status", "--porcelain")
