"""The rsync bridge's four known traps, each with a planted bug that the test would catch."""

import asyncio
import contextlib
import hashlib
import os
import select
import shlex
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from remote import bridge_rsh
from remote.bridge import Bridge
from tests.hosts import HostForTests
from tests.waiting import until

_SIZE = 64 * 1024 * 1024
_MORE_THAN_BUFFERS = 192 * 1024 * 1024
"""All windows and socket buffers on the way, both ways, hold up to 64 MiB."""
_NEAR = 1024 * 1024
"""More than the bridge's own pipes hold."""
_SOURCE = Path(bridge_rsh.__file__)
_DONE_SECONDS = 45.0
_HANG_SECONDS = 3.0


@pytest.fixture
async def bridge(any_host: HostForTests) -> AsyncGenerator[Bridge]:
    async with await any_host.connect() as connection, Bridge(connection) as bridge:
        yield bridge


def _planted(directory: Path, old: str, new: str) -> Path:
    """The bridge with one piece replaced."""
    text = _SOURCE.read_text()
    assert text.count(old) == 1
    broken = directory / "broken_bridge.py"
    broken.write_text(text.replace(old, new))
    return broken


def _words(bridge: Bridge, script: Path, command: str) -> list[str]:
    socket = shlex.split(bridge.remote_shell)[-1]
    return [sys.executable, "-I", "-S", str(script), socket, "-l", "user", "host", "sh", "-c", shlex.quote(command)]


@contextlib.asynccontextmanager
async def _started(words: list[str], stdin: int, stdout: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *words, stdin=stdin, stdout=stdout, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdout is not None:
            await process.stdout.read()  # else its transport waits for a reader, and `wait` for the transport
        await process.wait()


async def _read_slowly(script: Path, bridge: Bridge) -> tuple[int, str]:
    """64 MiB through a non-blocking standard output and a reader of small pieces: status and digest."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    command = f"yes castoff | head -c {_SIZE}"
    async with _started(_words(bridge, script, command), asyncio.subprocess.DEVNULL, theirs) as process:
        os.close(theirs)
        digest = await asyncio.to_thread(_digest, ours)
        os.close(ours)
        return await process.wait(), digest


def _digest(descriptor: int) -> str:
    digest = hashlib.sha256()
    while data := os.read(descriptor, 2048):
        digest.update(data)
    return digest.hexdigest()


def _expected(size: int) -> str:
    return hashlib.sha256(b"castoff\n" * (size // 8)).hexdigest()


async def test_non_blocking_output_arrives_whole(bridge: Bridge) -> None:
    assert await _read_slowly(_SOURCE, bridge) == (0, _expected(_SIZE))


async def test_bridge_that_leaves_output_non_blocking_is_caught(bridge: Bridge, tmp_path: Path) -> None:
    broken = _planted(tmp_path, "    os.set_blocking(1, True)\n", "")
    status, digest = await _read_slowly(broken, bridge)
    assert status != 0
    assert digest != _expected(_SIZE)


async def _there_and_back(script: Path, bridge: Bridge) -> tuple[int, str] | None:
    """192 MiB to ``cat`` and back to a reader that begins when its pipe is full; ``None`` if it hangs."""
    ours, theirs = os.pipe()
    async with _started(_words(bridge, script, "cat"), asyncio.subprocess.PIPE, theirs) as process:
        sent = 0

        async def feed() -> None:
            nonlocal sent
            assert process.stdin
            block = b"castoff\n" * 8192
            for _ in range(_MORE_THAN_BUFFERS // len(block)):
                process.stdin.write(block)
                await process.stdin.drain()
                sent += len(block)
            process.stdin.close()

        feeding = asyncio.create_task(feed())
        try:
            # From a bridge with one pump nothing ever comes back.
            await until(lambda: sent > _NEAR and (script != _SOURCE or _is_full(theirs)))
            assert sent < _MORE_THAN_BUFFERS
            os.close(theirs)
            # A hang is that nothing comes for so long; a busy machine is none.
            seconds = _DONE_SECONDS if script == _SOURCE else _HANG_SECONDS
            digest = await asyncio.to_thread(_digest_unless_it_hangs, ours, seconds)
            return (await process.wait(), digest) if digest else None
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            os.close(ours)


def _is_full(pipe: int) -> bool:
    return not select.select([], [pipe], [], 0)[1]


def _digest_unless_it_hangs(descriptor: int, seconds: float) -> str:
    """The digest of all that comes; "" once nothing comes for so long."""
    digest = hashlib.sha256()
    while select.select([descriptor], [], [], seconds)[0]:
        if not (data := os.read(descriptor, 1 << 20)):
            return digest.hexdigest()
        digest.update(data)
    return ""


async def test_stalled_reader_does_not_deadlock(bridge: Bridge) -> None:
    assert await _there_and_back(_SOURCE, bridge) == (0, _expected(_MORE_THAN_BUFFERS))


async def test_bridge_with_one_pump_is_caught(bridge: Bridge, tmp_path: Path) -> None:
    broken = _planted(tmp_path, "threading.Thread(target=feed, args=(link,), daemon=True).start()", "feed(link)")
    assert await _there_and_back(broken, bridge) is None


async def _ends_with_open_input(script: Path, bridge: Bridge) -> bool:
    """Whether the bridge ends with the remote command, although nobody closes its input."""
    async with _started(
        _words(bridge, script, "exit 0"), asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    ) as process:
        try:
            async with asyncio.timeout(_DONE_SECONDS if script == _SOURCE else _HANG_SECONDS):
                return await process.wait() == 0
        except TimeoutError:
            return False


async def test_bridge_ends_with_the_remote_command(bridge: Bridge) -> None:
    assert await _ends_with_open_input(_SOURCE, bridge)


async def test_bridge_that_waits_for_its_input_is_caught(bridge: Bridge, tmp_path: Path) -> None:
    broken = _planted(tmp_path, "    os._exit(code)\n", "    threading.enumerate()[-1].join()\n    os._exit(code)\n")
    assert not await _ends_with_open_input(broken, bridge)


async def _status_and_output(script: Path, bridge: Bridge) -> tuple[int | None, bytes]:
    command = "head -c 1048576 /dev/zero | tr '\\0' e >&2; printf out; exit 23"
    async with _started(
        _words(bridge, script, command), asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    ) as process:
        output, _ = await process.communicate()
        return process.returncode, output


async def test_remote_status_arrives_and_stderr_stays_apart(bridge: Bridge) -> None:
    assert await _status_and_output(_SOURCE, bridge) == (23, b"out")
    assert bridge.stderr_tail == "e" * 65536


async def test_bridge_that_loses_the_status_is_caught(bridge: Bridge, tmp_path: Path) -> None:
    broken = _planted(tmp_path, "return status if status >= 0 else 128 - status", "return 0")
    assert await _status_and_output(broken, bridge) != (23, b"out")


async def test_socket_is_closed_to_others(bridge: Bridge) -> None:
    assert bridge.directory.stat().st_mode & 0o777 == 0o700


async def test_a_remote_command_that_never_ends_is_not_waited_for(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote.bridge._LAST_WORDS_SECONDS", 0.1)
    pipe = asyncio.subprocess.PIPE
    async with _started(_words(bridge, _SOURCE, "echo begun; exec sleep 600"), pipe, pipe) as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"begun\n"
        process.kill()
        async with asyncio.timeout(_DONE_SECONDS):
            await bridge.settle()
