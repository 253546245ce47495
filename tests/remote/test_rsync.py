"""Transfers by the real rsync, against both hosts."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from remote.connection import Connection, Output
from remote.errors import ConnectionLost, HostFull, LocalFull, LocalLacks, RemoteError, RsyncFailed
from remote.processes import list_command_lines
from remote.rsync import PARTIAL_DIR, Progress, fetch, send
from remote.rsync_output import Version
from remote.same_machine import is_this_machine
from tests.hosts import HostForTests, cutting
from tests.waiting import until

_NAMES = (
    "plain",
    "with space",
    "q\"uo'te",
    "new\nline",
    "-dash",
    "*?[x]",
    "$HOME `id`",
    "ünïcödé",
    "a:b",
    "\\back",
    "#x",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / 'my "tree"\n#1'
    for name in _NAMES:
        (tree / name).mkdir(parents=True)
        (tree / name / name).write_text(name)
    (tree / "plain" / "link").symlink_to("../with space")
    (tree / "plain" / "run").write_text("#!/bin/sh\n")
    (tree / "plain" / "run").chmod(0o755)
    (tree / "empty").mkdir()
    os.utime(tree / "plain" / "plain", ns=(10**18, 10**18 + 123456789))
    return tree


@pytest.fixture
def there(any_host: HostForTests, request: pytest.FixtureRequest) -> Generator[Path]:
    """A directory of the host's user, with a name that is hard to quote."""
    path = any_host.home / "it's a\n'tést' $x"
    path.mkdir()
    any_host.own(path)
    yield path
    shutil.rmtree(path)


def _listing(root: Path) -> dict[str, tuple[int, int, bytes | str | None]]:
    """Mode, mtime and content of everything below ``root``."""
    found: dict[str, tuple[int, int, bytes | str | None]] = {}
    for path in root.rglob("*"):
        facts = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (facts.st_mode, facts.st_mtime_ns, content)
    return found


async def test_tree_arrives_exactly_and_comes_back(
    any_host: HostForTests, tree: Path, there: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    async with await any_host.connect() as connection:
        sent = await send(connection, tree, str(there / "tree"), progress=seen.append)
        assert _listing(there / "tree") == _listing(tree)
        assert sent.files == len(_NAMES) + 1
        assert sent.bytes == sent.total - len("../with space")
        assert seen[-1].bytes_done == sent.bytes
        assert (seen[-1].files_left, seen[-1].files_total) == (0, 2 * len(_NAMES) + 4)
        again = await send(connection, tree, str(there / "tree"))
        assert again.files == 0
        home = tmp_path / "home again"
        names = b"".join(f"{name}/{name}".encode() + b"\0" for name in _NAMES) + b"empty\0plain/link\0"
        await fetch(connection, str(there / "tree"), home, names, limit=1 << 30)
    fetched, original = _listing(home), _listing(tree)
    files = {path for path in fetched if not (home / path).is_dir() or (home / path).is_symlink()}
    assert files == {f"{name}/{name}" for name in _NAMES} | {"plain/link"}
    assert all(fetched[path][1:] == original[path][1:] for path in files)
    assert (home / "empty").is_dir()


async def test_filters_and_delete(any_host: HostForTests, tree: Path, there: Path) -> None:
    async with await any_host.connect() as connection:
        await send(connection, tree, str(there / "tree"))
        (tree / "plain" / "plain").unlink()
        await send(connection, tree, str(there / "tree"), filters=b"- /new\nline\0- /with space\0", delete=True)
    left = {path.name for path in (there / "tree").iterdir()}
    assert left == {*_NAMES, "empty"} - {"new\nline", "with space"}
    assert not (there / "tree" / "plain" / "plain").exists()


async def test_fetch_takes_nothing_dangerous(any_host: HostForTests, there: Path, tmp_path: Path) -> None:
    tree = there / "tree"
    tree.mkdir()
    (tree / "setuid").write_text("x")
    (tree / "setuid").chmod(0o6755)
    (tree / "escape").symlink_to("/etc/passwd")
    (tree / "up").symlink_to("../../x")
    (tree / "fine").symlink_to("setuid")
    os.mkfifo(tree / "fifo")
    any_host.own(tree)
    (tree / "setuid").chmod(0o6755)
    async with await any_host.connect() as connection:
        await fetch(connection, str(tree), tmp_path / "quarantine", limit=1 << 30)
    assert {path.name: path.lstat().st_mode & 0o7777 for path in (tmp_path / "quarantine").iterdir()} == {
        "setuid": 0o700,
        "fine": 0o777,
    }


async def test_a_hole_does_not_fill_this_machine(any_host: HostForTests, there: Path, tmp_path: Path) -> None:
    tree = there / "tree"
    tree.mkdir()
    with (tree / "hole").open("wb") as file:
        file.truncate(1 << 40)
    any_host.own(tree)
    async with await any_host.connect() as connection:
        with pytest.raises(RemoteError, match="more than it may") as raised:
            await fetch(connection, str(tree), tmp_path / "q", limit=1 << 20)
    assert raised.value.code == "too-much"


@pytest.fixture
def old_rsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """An rsync here that is not safe against a hostile sender."""
    old = Version(number=(3, 2, 7), zstd=True)

    async def versions(connection: Connection) -> tuple[Version, Version]:
        return old, old

    monkeypatch.setattr("remote.rsync._versions", versions)


@pytest.mark.usefixtures("old_rsync")
async def test_old_rsync_receives_from_this_machine_alone(any_host: HostForTests, there: Path, tmp_path: Path) -> None:
    (there / "tree").mkdir()
    any_host.own(there / "tree")
    async with await any_host.connect() as connection:
        await fetch(connection, str(there / "tree"), tmp_path / "q", limit=1 << 30)


@pytest.mark.usefixtures("old_rsync")
async def test_old_rsync_does_not_receive_through_a_forwarded_port(
    sshd_host: HostForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has a loopback address, and does not read what is written here: it is another machine."""
    (tmp_path / "here-alone").mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "here-alone"))
    async with await sshd_host.connect() as connection:
        with pytest.raises(LocalLacks, match=r"rsync 3\.2\.7 of this machine is not safe") as raised:
            await fetch(connection, str(sshd_host.home), tmp_path / "q", limit=1 << 30)
    assert raised.value.code == "rsync-too-old"
    assert not (tmp_path / "q").exists()


async def test_a_host_that_guesses_is_not_this_machine(
    sshd_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await sshd_host.connect() as connection:
        assert await is_this_machine(connection)
        for said in (b"", b"0" * 32):
            monkeypatch.setattr(connection, "run", AsyncMock(return_value=Output(status=0, stdout=said, stderr="")))
            assert not await is_this_machine(connection)


async def test_cancel_leaves_no_process_and_the_next_one_goes_on(
    any_host: HostForTests, there: Path, tmp_path: Path
) -> None:
    size = 60_000_000
    source = tmp_path / "big"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(size))
    target = there / "big"
    async with await any_host.connect() as connection:
        sending = asyncio.create_task(send(connection, source, str(target)))
        await until(lambda: any(path.stat().st_size > 5_000_000 for path in target.glob(".file.*")))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: any_host.processes("rsync --server") == [])
        assert not [line for line in list_command_lines() if str(source) in line]
        kept = target / PARTIAL_DIR / "file"
        assert 0 < kept.stat().st_size < size
        done = await send(connection, source, str(target), delete=True)
        assert done.wire < size // 100 * 99
    assert (target / "file").read_bytes() == (source / "file").read_bytes()
    assert not kept.exists()


async def test_after_a_cut_the_same_transfer_sends_no_more_than_was_under_way(
    any_host: HostForTests, there: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(30):
        (source / f"file{number}").write_bytes(os.urandom(400_000))
    (source / "last, big").write_bytes(os.urandom(20_000_000))
    total, cut, target = 32_000_000, 26_000_000, there / "tree"
    # A slow receiver loses what is in the buffers on the way when it is cut off: some megabytes.
    async with cutting(any_host, after=cut) as host:
        connection = await host.connect()
        with pytest.raises(RemoteError) as told:
            await send(connection, source, str(target), delete=True)
        assert told.value.code == ConnectionLost.code
        await connection.close()
    await until(lambda: any_host.processes("rsync --server") == [])
    arrived = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    assert (target / PARTIAL_DIR / "last, big").exists()
    async with await any_host.connect() as connection:
        done = await send(connection, source, str(target), delete=True)
    # Besides what is missing, only checksums of the file that had come in part.
    assert done.wire < total - arrived + 200_000
    assert arrived > cut - 10_000_000
    assert _listing(target) == _listing(source)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of one megabyte."""
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


async def test_full_disk_there_and_here(any_host: HostForTests, small_disk: Path, tmp_path: Path) -> None:
    for parent in [*small_disk.parents][:4]:
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(0o755)
    source = tmp_path / "source"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(3_000_000))
    async with await any_host.connect() as connection:
        with pytest.raises(HostFull, match=f"No space is left on {connection.name}"):
            await send(connection, source, str(small_disk / "tree"))
        await send(connection, source, "/tmp/castoff-test-full" + any_host.user)
        shutil.rmtree(small_disk / "tree")
        with pytest.raises(LocalFull, match="No space is left on this machine"):
            await fetch(connection, "/tmp/castoff-test-full" + any_host.user, small_disk / "home", limit=1 << 30)
    shutil.rmtree("/tmp/castoff-test-full" + any_host.user)


async def test_missing_source_and_target_are_told(any_host: HostForTests, tmp_path: Path) -> None:
    async with await any_host.connect() as connection:
        with pytest.raises(RsyncFailed, match="failed: "):
            await fetch(connection, "/nowhere/at/all", tmp_path / "x", limit=1 << 30)
        with pytest.raises(RsyncFailed, match="failed: "):
            await send(connection, tmp_path, "/nowhere/at/all")
