"""Connections against both hosts: commands, streams, status, and the pool."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from remote.config import Host
from remote.connection import Connection
from remote.connections import Connections
from remote.errors import CommandFailed, ConnectionLost, HostLacks, HostTimeout
from remote.rsync import send
from remote.sleep import Sleep
from tests.doubles.chaos_proxy import Fate, chaos
from tests.hosts import HostForTests


async def test_run_returns_status_and_output(any_host: HostForTests) -> None:
    script = 'printf "%s|" "$@"; echo oops >&2; exit 3'
    async with await any_host.connect() as connection:
        output = await connection.run(["sh", "-c", script, "sh", "a b", "it's\n", "", "$HOME"], check=False)
        assert (output.status, output.stdout, output.stderr) == (3, b"a b|it's\n||$HOME|", "oops\n")
        data = os.urandom(5_000_000)
        echoed = await connection.run(["sha256sum"], input=data)
        assert echoed.text.split()[0] == hashlib.sha256(data).hexdigest()
        killed = await connection.run(["sh", "-c", "kill -9 $$"], check=False)
        assert killed.status in (-9, 137)  # the second when a shell stands between
        assert 0 < connection.rtt < 5


async def test_failures_of_commands_are_told(any_host: HostForTests) -> None:
    async with await any_host.connect() as connection:
        with pytest.raises(CommandFailed, match=f"sh on {connection.name} failed with status 4: it broke") as caught:
            await connection.run(["sh", "-c", "echo 'it broke.' >&2; exit 4"])
        assert caught.value.status == 4
        with pytest.raises(HostLacks, match=f"no-such-program is not installed on {connection.name}"):
            await connection.run(["no-such-program"])
        with pytest.raises(HostTimeout, match=r"did not end within 0\.2 seconds"):
            await connection.run(["sleep", "30"], timeout=0.2)
        assert (await connection.run(["echo", "still here"])).text == "still here"


async def test_stderr_does_not_stall_output(any_host: HostForTests) -> None:
    script = "head -c 40000000 /dev/zero >&2; head -c 1000000 /dev/zero; echo last >&2"
    async with await any_host.connect() as connection:
        output = await connection.run(["sh", "-c", script])
    assert len(output.stdout) == 1_000_000
    assert output.stderr.endswith("last\n")
    assert len(output.stderr) == 65536


async def test_lines_go_both_ways(any_host: HostForTests) -> None:
    long = b"x" * 3_000_000 + b"\n"
    async with await any_host.connect() as connection, await connection.open(["cat"]) as channel:
        for line in (b"one\n", b"\n", b'{"two": 2}\n', long):
            channel.writer.write(line)
            await channel.writer.drain()
            assert await channel.reader.readline() == line
        channel.writer.write(b"rest")
        channel.writer.close()
        assert await channel.reader.readline() == b"rest"
        assert await channel.reader.readline() == b""
        assert await channel.wait() == 0


async def test_nothing_of_our_environment_travels(any_host: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_SECRET", "x")
    monkeypatch.setenv("LC_CASTOFF", "x")
    (any_host.directory / "no-ssh-config").write_text("Host *\n  SendEnv *CASTOFF*\n  SetEnv CASTOFF_SET=x\n")
    try:
        async with await any_host.connect() as connection:
            there = (await connection.run(["env"])).text
            assert [name for name in ("CASTOFF_SECRET", "LC_CASTOFF", "CASTOFF_SET") if name in there] == []
    finally:
        (any_host.directory / "no-ssh-config").unlink()


async def _through(host: HostForTests, port: int) -> Connection:
    (pinned,) = host.host_keys.pinned("127.0.0.1", host.host.port or 22)
    host.host_keys.pin("127.0.0.1", port, pinned)
    from remote.connection import connect

    moved = host.host.model_copy(update={"port": port})
    return await connect(moved, host_keys=host.host_keys, ssh_config=host.directory / "no-ssh-config")


async def test_cut_link_is_never_a_success(any_host: HostForTests, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(30_000_000))
    for work in ("run", "lines", "send"):
        async with chaos(any_host.host.port or 22) as link, await _through(any_host, link.port) as connection:
            asyncio.get_running_loop().call_later(0.3, link.cut)
            with pytest.raises(ConnectionLost, match=f"The connection to {connection.name} was lost"):
                if work == "run":
                    await connection.run(["sh", "-c", "echo part; sleep 30"])
                elif work == "lines":
                    async with await connection.open(["sleep", "30"]) as channel:
                        line = await channel.reader.readline()
                        assert line == b""
                        await channel.wait()
                else:
                    while True:
                        await send(connection, tmp_path, "/tmp/castoff-cut-" + any_host.user)
                        (tmp_path / "big").touch()
            assert connection.closed
            with pytest.raises(ConnectionLost):
                await connection.run(["true"])
    async with await any_host.connect() as connection:
        await connection.run(["rm", "-rf", "/tmp/castoff-cut-" + any_host.user])


async def test_half_open_link_ends_in_time(any_host: HostForTests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remote.dial._KEEPALIVE_SECONDS", 1)
    async with chaos(any_host.host.port or 22) as link, await _through(any_host, link.port) as connection:
        link.freeze()
        with pytest.raises(ConnectionLost):
            await connection.run(["true"], timeout=60)


async def test_a_link_byte_by_byte_and_late_is_a_link(any_host: HostForTests) -> None:
    async with chaos(any_host.host.port or 22) as link:
        for fate in (
            Fate(segment=1),
            Fate(delay=0.01),
            Fate("stall", "up", 3000, 0.5),
            Fate("stall", "down", 500, 0.5),
        ):
            link.fate = lambda fate=fate: fate
            async with await _through(any_host, link.port) as connection:
                assert (await connection.run(["echo", "here"])).text == "here"


async def test_after_sleep_a_dead_link_is_found_before_it_is_used(
    any_host: HostForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.dial._KEEPALIVE_SECONDS", 0)
    monkeypatch.setattr("remote.connection._CHECK_SECONDS", 1.0)
    asleep = [0.0]
    async with chaos(any_host.host.port or 22) as link:
        for key in any_host.host_keys.pinned("127.0.0.1", any_host.host.port or 22):
            any_host.host_keys.pin("127.0.0.1", link.port, key)
        host = any_host.host.model_copy(update={"port": link.port})
        sleep = Sleep(passing=lambda: asleep[0], awake=lambda: 0.0)
        async with Connections(host_keys=any_host.host_keys, ssh_config=Path("/nonexistent"), sleep=sleep) as pool:
            first = await pool.get(host)
            waiting = asyncio.create_task(first.run(["sleep", "60"]))
            asleep[0] += 3600
            assert await pool.get(host) is first, "it outlived the sleep"
            asleep[0] += 3600
            link.freeze()
            with pytest.raises(ConnectionLost):
                await waiting  # nobody asks for the connection: it is looked at all the same
            assert first.closed
            second = await pool.get(host)
            link.freeze()
            asleep[0] += 5
            assert await pool.get(host) is second, "so short a sleep no link minds"
            asleep[0] += 3600
            third = await pool.get(host)
            assert third is not second and (await third.run(["echo", "back"])).text == "back"


def test_only_sleep_is_sleep() -> None:
    """Neither a process that was stopped for a while, nor a clock that was set."""
    passing, awake = [500.0], [100.0]
    sleep = Sleep(lambda: passing[0], lambda: awake[0])
    passing[0] += 60
    awake[0] += 60
    assert not sleep.ended()
    passing[0] += 60
    assert sleep.ended() and not sleep.ended()


async def test_pool_keeps_one_connection_and_makes_it_again(any_host: HostForTests) -> None:
    async with Connections(host_keys=any_host.host_keys, ssh_config=any_host.directory / "none") as pool:
        first, second = await asyncio.gather(pool.get(any_host.host), pool.get(any_host.host))
        assert first is second
        await first.close()
        again = await pool.get(any_host.host)
        assert again is not first
        assert (await again.run(["echo", "back"])).text == "back"
    assert again.closed


async def test_cancelled_command_leaves_the_connection_usable(any_host: HostForTests) -> None:
    async with await any_host.connect() as connection:
        waiting = asyncio.create_task(connection.run(["sh", "-c", "echo up >&2; cat"], input=b""))
        running = asyncio.create_task(connection.run(["sleep", "100"]))
        await waiting
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await connection.run(["echo", "here"])).text == "here"


async def test_embedded_host_has_terminals(embedded_host: HostForTests) -> None:
    """By the independent OpenSSH client: a terminal with its size, and Ctrl-C."""
    host = embedded_host.host
    argv = ["ssh", "-tt", "-F", "/dev/null", "-i", host.identity or "", "-p", str(host.port)]
    argv += ["-o", f"UserKnownHostsFile={embedded_host.host_keys.path}", "-o", "LogLevel=ERROR"]
    argv += [f"{host.user}@127.0.0.1", "stty size; tty; trap 'echo got it; exit 5' INT; echo ready; read line; exit 6"]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    assert process.stdin and process.stdout
    output = await process.stdout.readuntil(b"ready\r\n")
    assert b"/dev/pts/" in output
    process.stdin.write(b"\x03")
    await process.stdin.drain()
    rest = await process.stdout.read()
    assert b"got it" in rest
    assert await process.wait() == 5


async def test_embedded_host_takes_more_keys_than_a_terminal_holds(embedded_host: HostForTests) -> None:
    """A paste is as long as it is: what does not fit waits."""
    host, paste = embedded_host.host, b"0123456789abcdef" * 64 * 1024
    argv = ["ssh", "-tt", "-e", "none", "-F", "/dev/null", "-i", host.identity or "", "-p", str(host.port)]
    argv += ["-o", f"UserKnownHostsFile={embedded_host.host_keys.path}", "-o", "LogLevel=ERROR"]
    argv += [f"{host.user}@127.0.0.1", f"stty raw -echo; echo ready; head -c {len(paste)} | md5sum"]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    assert process.stdin and process.stdout
    await process.stdout.readuntil(b"ready")
    process.stdin.write(paste)
    async with asyncio.timeout(60):
        assert hashlib.md5(paste, usedforsecurity=False).hexdigest().encode() in await process.stdout.read()
        assert await process.wait() == 0


async def test_a_connection_that_comes_while_all_are_closed_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Connections()
    closed: list[str] = []

    class Double:
        def __init__(self, host: Host) -> None:
            self.host = host

        async def close(self) -> None:
            if not closed:
                await pool.get(Host(name="second", destination="b"))
            closed.append(self.host.name)

    async def connect(host: Host, **_: object) -> Double:
        return Double(host)

    monkeypatch.setattr("remote.connections.connect", connect)
    await pool.get(Host(name="first", destination="a"))
    await pool.close()
    assert closed == ["first", "second"]
