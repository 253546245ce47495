"""The demo's own host as a process: started once, found again, stopped; and a host on which programs are missing."""

import asyncio
import fcntl
import os
import signal
from pathlib import Path

import pytest

from remote import embedded_host as embedded
from remote.connection import connect
from remote.errors import ConnectionLost, EmbeddedHostFailed, HostLacks
from remote.hostkeys import HostKeys
from remote.rsync import send


async def test_started_once_found_again_and_stopped(tmp_path: Path) -> None:
    root = tmp_path / "demo's host"
    assert embedded.find(root) is None
    assert not await embedded.stop(root)
    first, second = await asyncio.gather(embedded.start(root), embedded.start(root))
    running = embedded.find(root)
    assert running is not None
    assert running == first == second
    assert await embedded.start(root) == running
    assert os.getsid(running.process.pid) == running.process.pid
    assert (root / "login_key").stat().st_mode & 0o777 == 0o600
    assert await embedded.stop(root)
    assert embedded.find(root) is None
    again = await embedded.start(root)
    assert again.host_key == running.host_key
    await embedded.stop(root)


async def test_what_a_killed_host_left_is_not_taken_for_the_one_that_is_starting(tmp_path: Path) -> None:
    killed = await embedded.start(tmp_path)
    os.kill(killed.process.pid, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, killed.process.pid, 0)
    with (tmp_path / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as the next one does before it listens
        assert (tmp_path / "ready.json").exists()
        assert embedded.find(tmp_path) is None
    again = await embedded.start(tmp_path)
    assert again.process != killed.process
    assert await embedded.stop(tmp_path)


async def test_it_ends_when_asked_although_a_client_is_connected(tmp_path: Path) -> None:
    running = await embedded.start(tmp_path / "host")
    host_keys = HostKeys(tmp_path / "known_hosts")
    running.pin(host_keys)
    async with await connect(running.host("busy"), host_keys=host_keys, ssh_config=tmp_path / "none") as connection:
        channel = await connection.open(["sleep", "600"])
        assert await embedded.stop(tmp_path / "host")
        with pytest.raises(ConnectionLost):
            await channel.wait()
    assert not (tmp_path / "host" / "ready.json").exists()  # it had the time to tidy up


async def test_a_host_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(EmbeddedHostFailed, match="The demo's host does not start: FileExistsError"):
        await embedded.start(tmp_path)


async def test_missing_rsync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host whose PATH holds next to nothing."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs))
        running = await embedded.start(tmp_path / "host")
    try:
        host_keys = HostKeys(tmp_path / "known_hosts")
        running.pin(host_keys)
        running.pin(host_keys)
        assert len(host_keys.path.read_text().splitlines()) == 1
        async with await connect(running.host("bare"), host_keys=host_keys, ssh_config=tmp_path / "none") as connection:
            with pytest.raises(HostLacks, match="rsync is not installed on bare") as caught:
                await send(connection, programs, str(tmp_path / "target"))
            assert caught.value.missing == ("rsync",)
            with pytest.raises(HostLacks, match="tmux is not installed on bare"):
                await connection.run(["tmux", "-V"])
    finally:
        await embedded.stop(tmp_path / "host")
