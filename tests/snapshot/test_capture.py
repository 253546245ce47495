import gc
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from snapshot import capture as capture_module
from snapshot import onlooker, second_look
from snapshot import scan as scan_module
from snapshot.capture import capture, capture_paths
from snapshot.digest import DigestCache, file_digest
from snapshot.errors import SnapshotRefused, TreeChanged
from snapshot.listing import list_paths
from snapshot.manifest import Entry, entry_type
from snapshot.verify import verify
from snapshot.walk import Enter, Walked
from tests.snapshot.repos import ignored, run, start, write

OLD = 1_600_000_000_000_000_000


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Between the digests and the second look, ``change`` happens."""
    real = second_look.walk

    def walk(tree: Path, skip: Collection[str], *, known: dict[str, os.stat_result]) -> Walked:
        change()
        return real(tree, skip, known=known)

    monkeypatch.setattr(second_look, "walk", walk)


def test_a_change_while_hashing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path)
    meanwhile(monkeypatch, lambda: write(tmp_path, "README", "changed meanwhile\n"))
    with pytest.raises(TreeChanged) as caught:
        capture(tmp_path)
    assert caught.value.paths == ("README",)


@pytest.mark.parametrize("gone", ["README", "src"])
def test_what_vanishes_after_its_digest_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    tree = tmp_path / "tree"
    start(tree)

    def skip(*_: object) -> None:
        return None

    # The files are fresh, and reading them once more would notice some of it too.
    monkeypatch.setattr(capture_module, "_read_fresh_again", skip)
    meanwhile(monkeypatch, lambda: (tree / gone).rename(tmp_path / "elsewhere"))
    with pytest.raises(TreeChanged) as caught:
        capture(tree)
    assert gone in caught.value.paths


def test_a_change_of_the_same_size_and_time_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path)
    times = (tmp_path / "README").stat()

    def change() -> None:
        write(tmp_path, "README", "two\none\n")
        os.utime(tmp_path / "README", ns=(times.st_atime_ns, times.st_mtime_ns))

    meanwhile(monkeypatch, change)
    with pytest.raises(TreeChanged):
        capture(tmp_path)


def test_a_fresh_file_that_vanishes_after_the_second_look_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tmp_path)
    os.utime(tmp_path / "README", ns=(2 * OLD, 2 * OLD))

    def vanish(*_: object) -> None:
        (tmp_path / "README").unlink()

    monkeypatch.setattr(capture_module, "look_again", vanish)
    with pytest.raises(TreeChanged):
        capture(tmp_path)


@pytest.mark.parametrize("command", [["checkout", "-q", "-b", "other"], ["branch", "other"], ["add", "more"]])
def test_a_git_command_during_the_first_look_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    start(tmp_path)
    write(tmp_path, "more")
    real = scan_module.walk

    def walk(tree: Path, skip: Collection[str] = frozenset(), enter: Enter | None = None) -> Walked:
        assert enter is not None

        def and_then(folder: str) -> Collection[str]:
            stays = enter(folder)
            run(tree, *command)
            return stays

        return real(tree, skip, and_then)

    monkeypatch.setattr(scan_module, "walk", walk)
    with pytest.raises(TreeChanged, match="git command"):
        capture(tmp_path)


def test_what_git_lfs_has_in_hand_does_not_travel_and_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tmp_path)
    write(tmp_path, ".git/lfs/tmp/17", "in hand\n")
    write(tmp_path, "lfs/tmp/17", "the user's\n")
    meanwhile(monkeypatch, lambda: (tmp_path / ".git/lfs/tmp/17").unlink())
    paths = {entry.path for entry in capture(tmp_path).entries}
    assert {"lfs/tmp", "lfs/tmp/17", ".git/lfs"} <= paths
    assert not any(path.startswith(".git/lfs/tmp") for path in paths)


def test_a_new_ignored_file_meanwhile_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path)
    meanwhile(monkeypatch, lambda: write(tmp_path, "src/app.pyc"))
    assert "src/app.pyc" not in capture(tmp_path).by_path


_WRITER = """
import itertools, os, sys, time
names = sys.argv[1:]
for number in itertools.count(1):
    for name in names:
        with open(name + ".new", "w") as file:
            file.write(str(number))
        os.rename(name + ".new", name)
    time.sleep(0.02)
"""


@pytest.mark.parametrize("many", [onlooker.MANY, 0])
def test_a_writer_that_never_stops_gives_one_state_or_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Files get the same number one after another: a consistent list never counts upwards."""
    monkeypatch.setattr(onlooker, "MANY", many)
    tree = tmp_path / "tree"
    start(tree)
    write(tree, ".gitignore", "*.new\n")
    names = [f"n/{number:03d}" for number in range(40)]
    for name in names:
        write(tree, name, "0")
    writer = subprocess.Popen([sys.executable, "-I", "-c", _WRITER, *(str(tree / name) for name in names)])
    outcomes: Counter[str] = Counter()
    try:
        while outcomes.total() < 50:
            try:
                manifest = capture(tree)
            except TreeChanged:
                outcomes["changed"] += 1
                continue
            digests = [manifest.by_path[name].digest for name in names]
            borders = sum(one != two for one, two in itertools.pairwise(digests))
            outcomes["consistent" if borders <= 1 else "mixed"] += 1
    finally:
        writer.kill()
        writer.wait()
    assert outcomes["mixed"] == 0, outcomes


def test_without_the_second_look_the_guard_test_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: no second look, and the changed file goes unnoticed."""
    start(tmp_path)
    os.utime(tmp_path / "README", ns=(OLD, OLD))

    def skip(*_: object) -> None:
        return None

    monkeypatch.setattr(second_look, "compare", skip)
    monkeypatch.setattr(capture_module, "_read_fresh_again", skip)
    meanwhile(monkeypatch, lambda: write(tmp_path, "README", "late"))
    assert verify(tmp_path, capture(tmp_path)) != ()


def test_the_cache_answers_only_for_the_same_file(tmp_path: Path) -> None:
    tree, file = tmp_path / "tree", tmp_path / "cache"
    start(tree)
    path = tree / "README"
    record = path.stat()
    old = os.stat_result(
        (0o100644, record.st_ino, 0, 1, 0, 0, record.st_size, 0, 0, 0), {"st_mtime_ns": OLD, "st_ctime_ns": OLD}
    )
    cache = DigestCache(file)
    cache.keep("README", old, file_digest(path, 8))
    cache.save()
    again = DigestCache(file)
    assert again.find("README", old) == file_digest(path, 8)
    assert again.find("README", record) is None
    assert again.find("other", old) is None


def test_a_fresh_file_is_not_cached(tmp_path: Path) -> None:
    file = write(tmp_path, "fresh")
    cache = DigestCache(tmp_path / "cache")
    cache.keep("fresh", file.stat(), "0" * 64)
    assert cache.find("fresh", file.stat()) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"README": 1}', b'{"README": ["x", 1]}', b"\xff"])
def test_a_damaged_cache_costs_only_time(tmp_path: Path, content: bytes) -> None:
    tree = tmp_path / "tree"
    start(tree)
    (tmp_path / "cache").write_bytes(content)
    assert capture(tree, cache=DigestCache(tmp_path / "cache")) == capture(tree)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    start(tmp_path / "tree")
    os.utime(tmp_path / "tree/README", ns=(OLD, OLD))
    cache = DigestCache(tmp_path / "no such folder" / "cache")
    cache.keep("README", Path("/").stat(), "0" * 64)
    assert capture(tmp_path / "tree", cache=cache) == capture(tmp_path / "tree")


def test_a_list_from_the_sandbox(tmp_path: Path) -> None:
    ignored(tmp_path)
    whole = capture(tmp_path)
    listed = capture_paths(tmp_path, list_paths(tmp_path))
    assert listed.entries == whole.tree_entries()


def test_a_list_from_the_sandbox_cannot_lead_elsewhere(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    start(tree)
    write(tmp_path, "secret", "s")
    (tree / "out").symlink_to("..")
    wild = ["../secret", str(tmp_path / "secret"), "out/secret", ".git/config", ".git", "src/../../secret", "", "gone"]
    assert [entry.path for entry in capture_paths(tree, [*wild, "out"]).entries] == ["out"]


def test_a_new_ignore_rule_deletes_nothing(tmp_path: Path) -> None:
    start(tmp_path)
    write(tmp_path, "data.csv", "1")
    base = capture(tmp_path)
    write(tmp_path, ".gitignore", "*.csv\n")
    theirs = capture_paths(tmp_path, list_paths(tmp_path), base=base)
    assert "data.csv" in theirs.by_path
    assert "data.csv" not in capture_paths(tmp_path, list_paths(tmp_path)).by_path


def test_a_list_with_a_pipe_is_refused(tmp_path: Path) -> None:
    start(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SnapshotRefused, match="pipe"):
        capture_paths(tmp_path, list_paths(tmp_path))


def test_a_pipe_in_place_of_a_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert entry_type((tmp_path / "pipe").stat().st_mode) is None
    assert file_digest(tmp_path / "pipe", 3) == file_digest(write(tmp_path, "nothing", ""), 0)


def test_an_entry_is_what_a_validated_one_is(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    (tree / "folder" / "file").write_text("x")
    (tree / "link").symlink_to("nowhere")
    for entry in capture(tree).entries:
        whole = Entry(**entry.model_dump())
        assert (entry, hash(entry), repr(entry)) == (whole, hash(whole), repr(whole))
        assert entry.model_dump_json() == whole.model_dump_json()
        assert entry.model_copy(update={"mode": 0}) == whole.model_copy(update={"mode": 0}) != entry
        assert entry.model_fields_set == whole.model_fields_set
        with pytest.raises(ValidationError):
            setattr(entry, "mode", 0)  # noqa: B010 - a type checker would not let it be written otherwise


def test_garbage_is_collected_again_after_a_capture(tmp_path: Path) -> None:
    capture(tmp_path)
    assert gc.isenabled()
    with pytest.raises(SnapshotRefused):
        capture(tmp_path / "none")
    assert gc.isenabled()
    gc.disable()
    try:
        capture(tmp_path)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_mode_that_changes_within_a_tick_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    first = scan_module.walk(tmp_path)
    record = first.found[0].stat
    fields = [record.st_mode ^ 0o100, *record[1:]]
    times = {"st_atime_ns": record.st_atime_ns, "st_mtime_ns": record.st_mtime_ns, "st_ctime_ns": record.st_ctime_ns}
    second = os.stat_result(fields, times)
    assert second.st_ctime_ns == record.st_ctime_ns

    class Later:
        """What `os.scandir` lists, as it was, but for the mode."""

        name = "file"

        def stat(self, **_: object) -> os.stat_result:
            return second

    @contextmanager
    def list_later(_: int) -> Generator[list[Later]]:
        yield [Later()]

    meanwhile(monkeypatch, lambda: monkeypatch.setattr("snapshot.walk.os.scandir", list_later))
    with pytest.raises(TreeChanged):
        capture(tmp_path)
