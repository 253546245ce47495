"""The local runner: started at need as a detached process, reached by its unix socket."""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from agent.durable import append_private, read_model, write_record
from agent.errors import CommandRefused, NotOwner, RecordDamaged, RecordNewer, RunnerBusy, ViewerGone
from agent.lease import read_lease
from agent.reception import RunnerRecord
from agent.runner_lock import BEING_MOVED, hold, is_moving, is_served
from agent.server import LINE_LIMIT
from agent.sessions import SessionDir
from agent.viewer import Viewer, attach
from remote.place import base_store
from remote.runner_cli import BUSY
from snapshot.base import record_base
from snapshot.diff import Diff, diff
from snapshot.errors import BaseLost, SnapshotError

_log = logging.getLogger(__name__)
_START_SECONDS = 30.0
_END_SECONDS = 60.0
_QUIET_TRIES = 3

_started: "set[subprocess.Popen[bytes]]" = set()
"""Runners that this process started: kept to be reaped, nothing else."""


async def open_local(session: SessionDir, after_seq: int = 0) -> Viewer:
    """Attach to the session's runner on this machine, starting it if none runs.

    Raises `agent.errors.NotOwner` when it is elsewhere, `RunnerBusy` while it is being moved, `ViewerGone` with the
    runner's last words when none comes up.
    """
    viewer = await attach_running(session, after_seq)
    if viewer is not None:
        return viewer
    _check_held(session)
    await asyncio.to_thread(_keep_base, session)
    process = start_runner(session)
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        viewer = await attach_running(session, after_seq)
        if viewer is not None:
            return viewer
        if (status := process.poll()) is not None and not is_served(session):
            if status != BUSY:
                _check_held(session)
                raise ViewerGone(f"The runner ended at once: {_last_line(session)}", "castoff doctor tells more.")
            # The other runner, that ours made way for, was just ending.
            process = start_runner(session)
        await asyncio.sleep(0.02)
    if is_moving(session):
        raise RunnerBusy(BEING_MOVED, "Wait for it, or end it there.", code="being-moved")
    raise ViewerGone("The runner does not come up.", f"Its messages are in {log_path(session)}.")


def _check_held(session: SessionDir) -> None:
    lease = read_lease(session)
    if lease.state == "offered":
        raise NotOwner(f"The session is on its way to {lease.to}.", f"castoff recover {session.id} settles a cut move.")
    if lease.state != "held":
        raise NotOwner(f"The session is on {lease.to} now.", "castoff runs lists it; castoff pull brings it home.")


async def attach_running(session: SessionDir, after_seq: int = 0) -> Viewer | None:
    """Attach to the session's runner if one runs here, else return ``None``."""
    record = _runner(session)
    if record is None:
        return None
    try:
        reader, writer = await asyncio.open_unix_connection(record.socket, limit=LINE_LIMIT)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    try:
        return await attach(reader, writer, after_seq)
    except ViewerGone:
        # It was just ending: the caller may start another.
        writer.close()
        return None
    except CommandRefused:
        writer.close()
        raise


async def drain_local(session: SessionDir, deadline: float) -> None:
    """Drain the session's runner on this machine, if one runs, and return when none serves it.

    It stops at a safe tool boundary or after ``deadline`` seconds. Raises `agent.errors.AgentError`.
    """
    asked: RunnerRecord | None = None
    end = asyncio.get_running_loop().time() + deadline + _END_SECONDS
    while is_served(session):
        # A runner that is just starting holds the session before it answers. And whoever attached in between may
        # have started another, which takes over the moment the first lets go: it has to be drained as well.
        runner = _runner(session)
        if runner is not None and runner != asked and (viewer := await attach_running(session)) is not None:
            asked = runner
            end = asyncio.get_running_loop().time() + deadline + _END_SECONDS
            await _drain(viewer, deadline)
        if asyncio.get_running_loop().time() > end:
            raise RunnerBusy("The runner does not end.", f"Its messages are in {log_path(session)}.")
        await asyncio.sleep(0.02)


async def _drain(viewer: Viewer, deadline: float) -> None:
    try:
        await viewer.drain(deadline)
    except ViewerGone:
        # It ended by itself, or will be seen not to.
        pass
    except CommandRefused as error:
        if error.code != "draining":
            raise
        # Somebody who asked before was cut off: its end is what we wait for.
    finally:
        await viewer.close()


@contextlib.asynccontextmanager
async def quiet(session: SessionDir, deadline: float) -> AsyncGenerator[None]:
    """`drain_local`, and for the block's length nobody can start a runner; raises `agent.errors.AgentError`."""
    async with contextlib.AsyncExitStack() as stack:
        for attempt in range(_QUIET_TRIES):
            await drain_local(session, deadline)
            try:
                await stack.enter_async_context(hold(session))
                break
            except RunnerBusy:
                # Another runner was quicker.
                if attempt == _QUIET_TRIES - 1:
                    raise
        yield


def _runner(session: SessionDir) -> RunnerRecord | None:
    try:
        return read_model(session.path / "runner.json", RunnerRecord)
    except RecordNewer:
        raise
    except RecordDamaged:
        return None


def start_runner(session: SessionDir) -> "subprocess.Popen[bytes]":
    """Start a detached runner for a session; a second one ends by itself (`RunnerBusy`)."""
    _started.difference_update([runner for runner in _started if runner.poll() is not None])
    with append_private(log_path(session)) as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "remote.runner_cli", "serve", str(session.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=session.path,
            start_new_session=True,
        )
    _started.add(process)
    return process


def log_path(session: SessionDir) -> Path:
    """Where a local runner's own messages go."""
    return session.path / "runner.log"


def _last_line(session: SessionDir) -> str:
    with log_path(session).open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - 2000))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing."


async def local_diff(session: SessionDir) -> Diff:
    """What has changed in the project since the session began; raises `snapshot.errors.SnapshotError`."""
    base = _base_file(session)
    if not base.exists():
        raise BaseLost("The state in which the session began was not kept.", "git diff shows what is not committed.")
    return await asyncio.to_thread(diff, Path(session.info.project), base_store(session.path), base.read_text().strip())


def _base_file(session: SessionDir) -> Path:
    return session.path / "base.id"


def _keep_base(session: SessionDir) -> None:
    """Keep the tree as it is before the agent first touches it, so that changes can be told."""
    if _base_file(session).exists() or session.journal.stat().st_size:
        return
    try:
        base = record_base(Path(session.info.project), base_store(session.path))
    except SnapshotError as error:
        # Work goes on without it; `local_diff` says that there is no base.
        _log.warning("the base of session %s was not kept: %s", session.id, error)
        return
    write_record(_base_file(session), base.encode() + b"\n")
