"""Runs a project's setup commands on the host, in the run's sandbox, once for each arrival that needs them.

They run when the agent has proved that it continues and before its first turn: a long build keeps nobody's laptop
open. The first that fails is the last that runs.
"""

import asyncio
import codecs
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from blake3 import blake3

from agent.durable import read_model, write_model
from agent.errors import AgentFailed
from agent.events import PhaseChanged, SetupEnded, SetupPrinted, SetupStarted
from agent.recorder import Recorder
from agent.sessions import SessionDir
from agent.setup import SetupCommand, SetupDone, SetupRecord, find_due
from agent.streaming import stream_process
from remote.furnishing import read_furnishing
from remote.gate_keys import proxy_variables
from remote.launch import GIT_STAT, environment_in, wrap_in
from remote.place import Place
from snapshot.digest import file_digest

LIMIT_SECONDS = 3600.0
"""A command that runs longer is ended: a run must not wait for ever for one that hangs."""
HEAD = 60_000
TAIL = 20_000
_HOLD_SECONDS = 0.3


async def set_up(
    session: SessionDir, place: Place, recorder: Recorder, *, seconds: float = LIMIT_SECONDS, gate: Path | None = None
) -> None:
    """Run what is due, recording it; at level ``full`` the socket ``gate`` is its way out.

    Raises `agent.errors.RecordDamaged`, `OSError` when nothing can be recorded.
    """
    furnishing = read_furnishing(session)
    path = session.path / "setup-done.json"
    record = read_model(path, SetupRecord) if path.exists() else SetupRecord()
    digests = await asyncio.to_thread(_digest_files, Path(place.tree), furnishing.setup)
    due = find_due(furnishing.setup, record, digests, recorder.epoch)
    for number, command in enumerate(due, 1):
        recorder.record(PhaseChanged(phase="starting", detail=f"Setting the project up: {command.run}"))
        recorder.record(SetupStarted(command=command.run, number=number, total=len(due)))
        ended = SetupEnded(status=None, detail="It was stopped.", stopped=True)
        try:
            ended = await _run(command.run, place, furnishing.variables, Printer(recorder), seconds, gate)
        finally:
            recorder.record(ended)
            digest = digests[command.run]
            done = SetupDone(run=command.run, digest=digest, epoch=recorder.epoch, status=ended.status)
            record = record.put(done)
            write_model(path, record)
        if ended.status != 0:
            return


async def _run(
    command: str, place: Place, variables: Mapping[str, str], printer: "Printer", seconds: float, gate: Path | None
) -> SetupEnded:
    try:
        argv = wrap_in(place, ["/bin/sh", "-c", command], gate=gate)
        way = proxy_variables() if gate is not None else {}
        env = environment_in(place, {**variables, **GIT_STAT, **way, "TERM": "dumb", "GIT_TERMINAL_PROMPT": "0"})
        ended = await stream_process(argv, Path(place.tree), env, seconds, printer.take)
    except (AgentFailed, OSError) as error:
        return SetupEnded(status=None, detail=f"It could not be started: {error}")
    finally:
        printer.close()
    if ended.timed_out:
        return SetupEnded(status=None, detail=f"It was ended after {seconds / 60:g} minutes.")
    return SetupEnded(status=ended.status)


def _digest_files(tree: Path, commands: Sequence[SetupCommand]) -> dict[str, str]:
    """For each command one digest of all files that it names; a file that is not there is part of it."""
    found: dict[str, str] = {}
    for command in commands:
        digest = blake3()
        for file in command.files:
            digest.update(f"{file}\0{_digest_file(tree / file)}\0".encode(errors="surrogateescape"))
        found[command.run] = digest.hexdigest()
    return found


def _digest_file(path: Path) -> str:
    try:
        return file_digest(path, path.lstat().st_size)
    except OSError:
        return "-"


class Printer:
    """Puts a command's output into the journal, in pieces as it comes; of much output, its beginning and its end."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._printed = 0
        self._tail = ""
        self._cut = 0
        self._last = 0.0

    async def take(self, data: bytes) -> None:
        """The next bytes."""
        text = self._decoder.decode(data)
        room = max(0, HEAD - self._printed - len(self._held))
        self._held += text[:room]
        tail = self._tail + text[room:]
        self._cut += max(0, len(tail) - TAIL)
        self._tail = tail[-TAIL:]
        if time.monotonic() - self._last >= _HOLD_SECONDS:
            self._flush()

    def close(self) -> None:
        """Nothing more comes."""
        if self._cut:
            self._tail = f"\n[cut: {self._cut} characters]\n{self._tail}"
        self._held += self._tail
        self._tail = ""
        self._flush()

    def _flush(self) -> None:
        if self._held:
            self._recorder.record(SetupPrinted(text=self._held))
            self._printed += len(self._held)
            self._held = ""
            self._last = time.monotonic()
