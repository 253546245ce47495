"""Move trees by the real rsync over the open SSH connection: out with `send`, home with `fetch`.

File names may hold anything: they never pass a shell (``--protect-args``), and lists are separated by NUL.
A cancelled transfer leaves no process, here or there, and the next one goes on where it stopped.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from agent import children
from remote.bridge import Bridge
from remote.connection import Connection
from remote.errors import HostLacks, LocalLacks, RemoteError
from remote.rsync_output import (
    INSTALL_SAFE_RSYNC,
    SAFE_TO_RECEIVE,
    Progress,
    Transfer,
    Version,
    explain,
    parse_progress,
    parse_totals,
    parse_version,
)
from remote.same_machine import is_this_machine

__all__ = ["PARTIAL_DIR", "Progress", "Transfer", "fetch", "prepare", "send"]

PARTIAL_DIR = ".castoff-partial"
"""Where a cut-off file waits, in each directory, until the transfer is taken up again."""

Watch = Callable[[Progress], None]

_OLDEST = (3, 1, 3)
_FAST_RTT = 0.001
"""Seconds: nearer than this the network outruns zstd."""
_ZSTD = ("--compress-choice=zstd", "--compress-level=4")
"""On source text level 4 leaves 0.8 % less than the default, 3, in the same time; level 5 takes twice as long."""
_TERM_SECONDS = 3.0
_TAIL = 64 * 1024
_COMMON = (
    "--no-inc-recursive",  # one list exchange, and totals that are honest from the start
    "--protect-args",  # the older name of --secluded-args, which rsync knows since 3.2.6 only
    "--modify-window=-1",  # times are equal when their nanoseconds are: two edits fit into one second
    "--no-human-readable",
    "--info=progress2",
    "--stats",
    "--outbuf=N",
    "--timeout=300",  # seconds of silence: the end there must not wait for ever when the link went without a word
)
_SENDING = ("--recursive", "--links", "--perms", "--times")


async def send(
    connection: Connection,
    source: Path,
    target: str,
    *,
    filters: bytes = b"",
    delete: bool = False,
    overlay: Path | None = None,
    thorough: bool = False,
    progress: Watch | None = None,
) -> Transfer:
    """Make directory ``target`` on the host equal to ``source`` here, as far as ``filters`` let pass.

    ``filters`` are rsync filter rules, each ended by NUL, e.g. ``b"- /build\\0"``; paths are anchored at the tree. With
    ``delete`` the target keeps nothing else, filtered things included. Modes and times travel, owners do not.
    Files in ``overlay``, a directory laid out like ``source``, are sent in place of those in ``source``.
    A file there of the same size and time counts as equal, unless the transfer is ``thorough``: then all are compared
    by content, and nothing is kept of earlier transfers that were cut off.
    The parent of ``target`` must exist. Raises `HostFull`, `HostLacks`, `LocalLacks`, `RsyncFailed`, `ConnectionLost`.
    """
    here, there = await _versions(connection)
    async with Bridge(connection) as bridge:
        words = [*_SENDING, *_compression(connection, here, there)]
        words += ["--checksum"] if thorough else [f"--partial-dir={PARTIAL_DIR}"]
        if delete:
            words += ["--delete", "--delete-excluded"]
            words += [] if thorough else [f"--filter=P {PARTIAL_DIR}/"]
        if filters:
            rules = bridge.directory / "filters"
            rules.write_bytes(filters)
            words += ["--from0", f"--filter=merge {rules}"]
        # Of a name that several sources have rsync takes the first.
        sources = [f"{each}/" for each in (overlay, source) if each is not None]
        return await _run(bridge, connection, [*words, "--", *sources, f"host:{target}/"], progress, sending=True)


async def fetch(
    connection: Connection,
    source: str,
    target: Path,
    names: bytes | None = None,
    progress: Watch | None = None,
    *,
    limit: int,
) -> Transfer:
    """Bring ``names`` (paths below ``source`` on the host, each ended by NUL; ``None`` is everything) into ``target``.

    The host is not trusted: no owners, no devices, no setuid, no links that lead out, modes 0700 and 0600; ``target``
    must be a quarantine that is checked before anything is used. A named directory comes without its content. More than
    ``limit`` bytes end it: a file with a hole is large at no cost there. An rsync here that cannot be trusted with a
    hostile sender is refused, unless the host is this very machine.
    Raises what `send` raises, `LocalFull`, and `RemoteError` (``too-much``).
    """
    here, there = await _versions(connection)
    if here.number < SAFE_TO_RECEIVE and not await is_this_machine(connection):
        raise LocalLacks(
            f"The rsync {here} of this machine is not safe against what a host may send.",
            INSTALL_SAFE_RSYNC,
            code="rsync-too-old",
        )
    async with Bridge(connection) as bridge:
        words = ["--links", "--times", "--safe-links", "--no-specials", "--no-devices", "--chmod=D700,Fu=rwX,go="]
        words += ["--fsync", f"--partial-dir={PARTIAL_DIR}", *_compression(connection, here, there)]
        if names is None:
            words += ["--recursive"]
        else:
            listed = bridge.directory / "names"
            listed.write_bytes(names)
            words += ["--dirs", "--from0", f"--files-from={listed}"]
        paths = [f"host:{source}/", f"{target}/"]
        watch = _limited(limit, connection.name, progress)
        return await _run(bridge, connection, [*words, "--", *paths], watch, sending=False)


def _limited(limit: int, host: str, progress: Watch | None) -> Watch:
    def watch(now: Progress) -> None:
        if now.bytes_done > limit:
            raise RemoteError(
                f"{host} sends more than it may: over {limit} bytes.", "Look at the run there.", code="too-much"
            )
        if progress is not None:
            progress(now)

    return watch


def _compression(connection: Connection, here: Version, there: Version) -> list[str]:
    if connection.rtt < _FAST_RTT:
        return []
    return ["--compress", *_ZSTD] if here.zstd and there.zstd else ["--compress"]


async def prepare(connection: Connection) -> None:
    """Find out now what a transfer wants to know first; raises `LocalLacks` or `HostLacks`."""
    await _versions(connection)


@contextlib.asynccontextmanager
async def sending_ahead(connection: Connection, count: int) -> AsyncGenerator[None]:
    """For the time of the block ``count`` programs wait on the host for `send`, which then need not be started.

    That saves a send two round trips and the start of the login shell. A program that waits has been told nothing
    yet, and those that nobody used end with the block. Raises what `send` raises.
    """
    here, there = await _versions(connection)
    async with Bridge(connection, only_listen=True) as bridge:
        # rsync asks for its other end before it looks at anything; told no more than that, it gives up.
        asking = [f"--rsh={bridge.remote_shell}", *_SENDING, *_compression(connection, here, there)]
        process = await _start([*_COMMON, *asking, "--", "/nonexistent", "host:/nonexistent"], home=bridge.directory)
        try:
            await children.hear_out(process)
        finally:
            await _end(process)
        command = bridge.command
    waiting = connection.ahead.setdefault(command, [])
    try:
        while command and len(waiting) < count:
            waiting.append(await connection.start(command))
        yield
    finally:
        for channel in waiting:
            async with channel:
                pass
        waiting.clear()


async def _versions(connection: Connection) -> tuple[Version, Version]:
    """The rsync programs here and on the host, recent enough; raises `LocalLacks` or `HostLacks`."""
    if "rsync" not in connection.versions:
        output = await connection.run(["rsync", "--version"])
        connection.versions["rsync"] = output.stdout.decode(errors="replace")
    there = parse_version(connection.versions["rsync"])
    if there is None or there.number < _OLDEST:
        raise HostLacks(
            f"The rsync on {connection.name} is too old ({there or 'not the original rsync'}).",
            "Install rsync 3.2 or newer there.",
            missing=("rsync",),
        )
    process = await _start(["--version"])
    text, _ = await process.communicate()
    here = parse_version(text.decode(errors="replace"))
    if here is None or here.number < _OLDEST:
        raise LocalLacks(
            f"The rsync of this machine is too old ({here or 'not the original rsync'}).", "Install rsync 3.2 or newer."
        )
    return here, there


async def _run(
    bridge: Bridge, connection: Connection, words: Sequence[str], progress: Watch | None, *, sending: bool
) -> Transfer:
    process = await _start([*_COMMON, f"--rsh={bridge.remote_shell}", *words], home=bridge.directory)
    assert process.stdout and process.stderr
    complaints = asyncio.create_task(_tail(process.stderr))
    try:
        totals = await _watch(process.stdout, progress)
        said = await complaints
        status = await process.wait()
    finally:
        await _end(process)
        complaints.cancel()
        await asyncio.wait([complaints])
    if status == 0:
        return parse_totals(totals)
    await bridge.settle()
    if bridge.failure is not None:
        raise bridge.failure
    raise explain(status, f"{said}\n{bridge.stderr_tail}", connection.name, sending=sending)


async def _start(words: Sequence[str], home: Path = Path("/nonexistent")) -> children.Child:
    """Start rsync in a process group of its own, with none of the user's rsync variables and aliases."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LC_ALL": "C"}
    try:
        return await children.start(
            ["rsync", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise LocalLacks("rsync is not installed on this machine.", "Install rsync 3.5 or newer.") from error


async def _watch(stdout: asyncio.StreamReader, progress: Watch | None) -> str:
    """Report progress as it comes; returns the rest of what rsync printed."""
    rest = ""
    others: list[str] = []
    while data := await stdout.read(4096):
        *lines, rest = re.split(r"[\r\n]", rest + data.decode(errors="replace"))
        for line in lines:
            if (now := parse_progress(line)) is None:
                others.append(line)
            elif progress is not None:
                progress(now)
    return "\n".join([*others, rest])


async def _tail(stream: asyncio.StreamReader) -> str:
    tail = bytearray()
    while data := await stream.read(4096):
        tail += data
        del tail[:-_TAIL]
    return tail.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End rsync, its second process and the bridge. Politely first: then it keeps what it has of a file."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        await children.ends_within(_TERM_SECONDS, process.wait())
