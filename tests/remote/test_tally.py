"""What is settled of a transfer agrees with what the real rsync does, however little it sends."""

import os
import subprocess
from pathlib import Path

from remote.rsync_output import Progress, parse_progress
from remote.tally import Settled, Tally
from snapshot.capture import capture_paths
from snapshot.manifest import Manifest
from snapshot.walk import walk

_SIZES = {"zz": 70, "a-": 500, "a/z": 30, "a/b/f": 1000, "a/big": 5_000_000, "a.d/x": 9, "ä/ö": 11, "B/c": 13}


def _fill(tree: Path) -> Manifest:
    for name, size in _SIZES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(os.urandom(size))
    (tree / "a" / "link").symlink_to("z")
    (tree / "empty").mkdir()
    return capture_paths(tree, [found.path for found in walk(tree).found])


def _sync(tree: Path, target: Path) -> list[Progress]:
    flags = ["-a", "--modify-window=-1", "--no-inc-recursive", "--no-human-readable", "--info=progress2", "--outbuf=N"]
    done = subprocess.run(["rsync", *flags, f"{tree}/", f"{target}/"], check=True, capture_output=True, text=True)
    return [now for line in done.stdout.replace("\r", "\n").split("\n") if (now := parse_progress(line))]


def test_all_is_settled_at_the_end_whether_sent_or_there(tmp_path: Path) -> None:
    manifest = _fill(tmp_path / "tree")
    whole = Settled(files=manifest.files, bytes=manifest.size)
    for _ in range(2):
        tally = Tally(manifest.entries)
        settled = [tally.advance(now) for now in _sync(tmp_path / "tree", tmp_path / "there")]
        assert settled[-1] == whole
        assert [now.bytes for now in settled] == sorted(now.bytes for now in settled)


def test_what_was_passed_over_counts_when_its_place_is_passed(tmp_path: Path) -> None:
    manifest = _fill(tmp_path / "tree")
    _sync(tmp_path / "tree", tmp_path / "there")
    (tmp_path / "tree" / "a" / "big").write_bytes(os.urandom(_SIZES["a/big"]))
    tally = Tally(manifest.entries)
    counted = [(now, tally.advance(now)) for now in _sync(tmp_path / "tree", tmp_path / "there")]
    first = next(settled for now, settled in counted if now.files_left is not None)
    # In rsync's order these come after it; everything before was passed over.
    after = {"a/z", "a/link", "a/b/f", "ä/ö"}
    assert first.bytes == manifest.size - sum(manifest.by_path[path].size for path in after)
    assert first.files == manifest.files - len(after)


def test_in_the_middle_of_a_file_nothing_falls_back(tmp_path: Path) -> None:
    manifest = _fill(tmp_path / "tree")
    tally = Tally(manifest.entries)
    total = len(manifest.entries) + 1
    before = tally.advance(Progress(bytes_done=570, percent=0, rate=1.0, files_left=total - 3, files_total=total))
    middle = tally.advance(Progress(bytes_done=2_000_570, percent=0, rate=1.0))
    assert before == Settled(files=2, bytes=570)
    assert middle == Settled(files=2, bytes=2_000_570)
