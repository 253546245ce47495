import stat
from pathlib import Path

import pytest

from snapshot.errors import ManifestDamaged
from snapshot.manifest import Entry, GitSummary, Manifest, dump_manifest, parse_manifest, read_manifest, write_manifest

FILE = Entry(path="a/ü\n", type="file", mode=0o644, size=3, mtime_ns=17, digest="0" * 64)
LINK = Entry(path="l", type="symlink", mode=0o777, size=1, mtime_ns=0, digest="1" * 64, target="x")
FOLDER = Entry(path="a", type="dir", mode=0o755, size=0, mtime_ns=0, digest="")
GIT = FOLDER.model_copy(update={"path": ".git"})
HEAD = FILE.model_copy(update={"path": ".git/HEAD"})
MANIFEST = Manifest(entries=(GIT, HEAD, FOLDER, FILE, LINK), git=GitSummary(branch="main", head="1" * 40, staged=2))


def test_counts() -> None:
    assert (MANIFEST.files, MANIFEST.size) == (3, 7)
    assert MANIFEST.tree_entries() == (FOLDER, FILE, LINK)


def test_a_manifest_comes_back_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    write_manifest(file, MANIFEST)
    assert read_manifest(file) == MANIFEST
    assert read_manifest(file).digest == MANIFEST.digest
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "change",
    [{"path": "b"}, {"mode": 0o600}, {"size": 4}, {"mtime_ns": 18}, {"digest": "2" * 64}, {"type": "symlink"}],
)
def test_the_digest_covers_every_field(change: dict[str, object]) -> None:
    other = Manifest(entries=(FILE.model_copy(update=change),))
    assert other.digest != Manifest(entries=(FILE,)).digest


def test_every_cut_and_every_changed_byte_is_noticed() -> None:
    data = dump_manifest(MANIFEST)
    for end in range(0, len(data) - 2, 7):
        with pytest.raises(ManifestDamaged):
            parse_manifest(data[:end])
    where = data.index(b'"entries"') + 12
    for place in range(where, len(data) - 3):
        spoiled = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(ManifestDamaged):
            parse_manifest(spoiled)


def test_a_missing_row_is_noticed() -> None:
    fewer = dump_manifest(MANIFEST.model_copy(update={"entries": MANIFEST.entries[:2]}))
    whole = dump_manifest(MANIFEST)
    start = whole[: whole.index(b'"entries"')]
    with pytest.raises(ManifestDamaged):
        parse_manifest(start + fewer[fewer.index(b'"entries"') :])


def test_no_file_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestDamaged, match="cannot be read: No such file"):
        read_manifest(tmp_path / "none")
