import os
from collections.abc import Callable
from pathlib import Path

import pytest

from snapshot.capture import capture
from snapshot.verify import verify
from tests.snapshot.repos import rsync, start, write

TIME = 1_600_000_000_000_000_000


def flip(there: Path) -> None:
    file = there / "src/app.py"
    times = file.stat()
    file.write_bytes(b"print(2)\n")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def swap(there: Path) -> None:
    (there / "empty").rmdir()
    (there / "empty").symlink_to("src")


def point(there: Path) -> None:
    (there / "link").unlink()
    (there / "link").symlink_to("READMF")


def stray(there: Path) -> None:
    (there / ".git/hooks/post-checkout").write_text("#!/bin/sh\n")


BUGS: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]]]] = {
    "a flipped byte": (flip, [("src/app.py", "digest")]),
    "a longer file": (lambda there: (there / "README").write_text("longer than before"), [("README", "size")]),
    "a time": (lambda there: os.utime(there / "README", ns=(TIME, TIME)), [("README", "mtime")]),
    "the index's time": (lambda there: os.utime(there / ".git/index", ns=(TIME, TIME)), [(".git/index", "mtime")]),
    "a mode": (lambda there: (there / "README").chmod(0o755), [("README", "mode")]),
    "a directory's mode": (lambda there: (there / "src").chmod(0o700), [("src", "mode")]),
    "an extra file": (lambda there: write(there, "src/x"), [("src/x", "extra")]),
    "an extra folder": (lambda there: (there / "src/y").mkdir(), [("src/y", "extra")]),
    "a missing file": (lambda there: (there / "README").unlink(), [("README", "missing")]),
    "a missing folder": (lambda there: (there / "empty").rmdir(), [("empty", "missing")]),
    "another type": (swap, [("empty", "type")]),
    "another target": (point, [("link", "target")]),
    "a hook": (stray, [(".git/hooks/post-checkout", "extra")]),
    "a pipe": (lambda there: os.mkfifo(there / "pipe"), [("pipe", "extra")]),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(tmp_path: Path, bug: str) -> None:
    tree, there = tmp_path / "tree", tmp_path / "there"
    start(tree)
    (tree / "empty").mkdir()
    (tree / "link").symlink_to("README")
    manifest = capture(tree)
    rsync(tree, there)
    assert verify(there, manifest) == ()
    spoil, found = BUGS[bug]
    spoil(there)
    differences = [(difference.path, difference.what) for difference in verify(there, manifest)]
    # Making or removing a name with git's file checks nothing else.
    assert differences == found
