"""Records are replaced whole: seen from a crash at any moment, and by the order of what the disk is told."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.durable import append_private, copy_record, make_private, read_model, write_model, write_record
from agent.errors import RecordDamaged
from agent.lease import Lease

Write = Callable[[Path, bytes], None]


class Killed(BaseException):
    """The process is gone at this point."""


def trace(write: Write, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ``write`` does to make its bytes durable, in order: fsync of a file or a directory, and rename."""
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def traced_fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("fsync directory" if name.is_dir() else "fsync file")
        fsync(descriptor)

    def traced_rename(self: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", traced_fsync)
        patch.setattr(Path, "rename", traced_rename)
        write(path, b"new")
    return steps


def is_durable(steps: list[str]) -> bool:
    """A crash leaves old or new at any step, and after the last one the new bytes survive a power cut."""
    return steps == ["fsync file", "rename", "fsync directory"]


def write_in_place(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_without_fsync(path: Path, content: bytes) -> None:
    temporary = path.with_name("new")
    temporary.write_bytes(content)
    temporary.rename(path)


def write_and_sync_late(path: Path, content: bytes) -> None:
    temporary = path.with_name("new")
    with temporary.open("wb") as file:
        file.write(content)
        temporary.rename(path)
        file.flush()
        os.fsync(file.fileno())


def test_order_of_durable_replacement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    assert is_durable(trace(write_record, path, monkeypatch))
    for planted in (write_in_place, write_without_fsync, write_and_sync_late):
        assert not is_durable(trace(planted, path, monkeypatch)), planted.__name__
    assert path.read_bytes() == b"new"


def kill_at_rename(write: Write, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        # A writer that does not rename dies at its fsync instead.
        if write is write_in_place:
            patch.setattr(os, "fsync", die)
        with pytest.raises(Killed):
            write(path, b"new")


def test_a_crash_before_the_rename_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    write_record(path, b"old")
    kill_at_rename(write_record, path, monkeypatch)
    assert path.read_bytes() == b"old"
    write_record(path, b"newer")
    assert path.read_bytes() == b"newer"
    kill_at_rename(write_in_place, path, monkeypatch)
    assert path.read_bytes() != b"newer"


def test_a_write_error_leaves_the_old_content_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    write_record(path, b"old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space left"):
            write_record(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["record"]
    assert path.read_bytes() == b"old"


def write_long(content: bytes, path: Path, _: bytes) -> None:
    write_record(path, content)


def leave(*_: object, **__: object) -> None:
    """Remove nothing."""


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record"
    write_record(path, b"old")
    for long in (b"x" * 9, b"x" * 5):
        with monkeypatch.context() as patch:
            # Nothing of a killed process is tidied up.
            patch.setattr(Path, "unlink", leave)
            kill_at_rename(functools.partial(write_long, long), path, monkeypatch)
        assert len(list(tmp_path.iterdir())) == 2 and path.read_bytes() == b"old"
    write_record(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["record"]


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / ".record.castoff-new").symlink_to("theirs")
    with pytest.raises(OSError, match="symbolic link"):
        write_record(tmp_path / "record", b"new")
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(OSError, match="symbolic link"):
        copy_record(tmp_path / "link", tmp_path / "copy")
    assert (tmp_path / "theirs").read_bytes() == b"theirs" and not (tmp_path / "copy").exists()


def test_a_copied_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "source", tmp_path / "deep" / "record"
    source.write_bytes(os.urandom(3 << 20))
    copy_record(source, target, 0o700)
    assert target.read_bytes() == source.read_bytes() and target.stat().st_mode & 0o777 == 0o700
    assert is_durable(trace(lambda path, _: copy_record(source, path), target, monkeypatch))


def test_threads_that_write_the_same_record(tmp_path: Path) -> None:
    path = tmp_path / "record"
    contents = [str(number).encode() for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_record, [path] * 100, contents))
    assert [p.name for p in tmp_path.iterdir()] == ["record"]
    assert path.read_bytes() in contents


def test_private_to_the_owner(tmp_path: Path) -> None:
    directory = make_private(tmp_path / "a" / "b")
    write_record(directory / "record", b"x")
    append_private(directory / "log").close()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in directory.iterdir()} == {0o600}


def test_models_come_back_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with pytest.raises(RecordDamaged, match="is missing"):
        read_model(path, Lease)
    write_model(path, Lease(epoch=3, state="away", to="vm"))
    assert read_model(path, Lease) == Lease(epoch=3, state="away", to="vm")
    for content in (b"", b"{", b'{"epoch": "many"}', b"\xff"):
        path.write_bytes(content)
        with pytest.raises(RecordDamaged, match="cannot be understood"):
            read_model(path, Lease)
