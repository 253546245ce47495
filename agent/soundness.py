"""Whether a session's own records are what was written: read in full, folded in full, nothing is changed."""

import json
from collections.abc import Iterator
from pathlib import Path

from agent.errors import JournalDamaged, RecordDamaged
from agent.events import AnyEvent, Frozen
from agent.fold import advance
from agent.journal import read_events
from agent.lease import known_lease
from agent.protocol import Lease
from agent.sessions import open_session
from agent.state import SessionState

_BACKUP = "Restore it from a backup of castoff's state directory."
_FOLD_AT_ONCE = 1000


class Finding(Frozen):
    """Something that is not as it must be: the file, the seq of the event where there is one, and what to do."""

    path: str
    seq: int | None = None
    sentence: str
    way_out: str


def check_records(path: Path) -> list[Finding]:
    """What is wrong with identity, lease, journal and frames in the session's directory ``path``."""
    findings: list[Finding] = []
    lease: Lease | None = None
    try:
        if open_session(path).id != path.name:
            findings.append(_found(path / "session.json", "The session's id is not its directory's name."))
    except RecordDamaged as error:
        findings.append(_found(path / "session.json", str(error), error.way_out))
    try:
        lease = known_lease(path)
        if lease is None:
            findings.append(_found(path / "lease.json", "The record of who holds the session is missing."))
    except RecordDamaged as error:
        findings.append(_found(path / "lease.json", str(error), error.way_out))
    return [*findings, *_check_journal(path / "journal.jsonl", lease), *_check_frames(path / "acp.jsonl")]


def _check_journal(journal: Path, lease: Lease | None) -> Iterator[Finding]:
    state, batch, epoch = SessionState(), list[AnyEvent](), 0
    try:
        for event in read_events(journal):
            if event.epoch < epoch:
                sentence = f"Event {event.seq} is of epoch {event.epoch}, after one of {epoch}."
                yield _found(journal, sentence, seq=event.seq)
            if lease is not None and event.epoch > lease.epoch:
                sentence = f"Event {event.seq} is of epoch {event.epoch}, which nobody held by the record here."
                yield _found(journal, sentence, "castoff recover asks the host who holds the session.", event.seq)
                lease = None
            epoch = max(epoch, event.epoch)
            batch.append(event)
            if len(batch) == _FOLD_AT_ONCE:
                state, batch = advance(state, batch), []
        advance(state, batch)
    except JournalDamaged as error:
        yield _found(journal, str(error), error.way_out, error.seq)
    except OSError as error:
        yield _found(journal, f"The journal cannot be read: {error.strerror}.")


def _check_frames(frames: Path) -> Iterator[Finding]:
    if not frames.exists():
        return
    with frames.open("rb") as file:
        for number, line in enumerate(file, 1):
            # What a killed runner left torn is cut off before anything follows it.
            if line.endswith(b"\n") and not _is_json(line):
                sentence = f"Line {number} of the agent's raw frames is not JSON."
                yield _found(frames, sentence, "The journal does not need it; it is gone from the raw record.")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _found(path: Path, sentence: str, way_out: str = "", seq: int | None = None) -> Finding:
    return Finding(path=str(path), seq=seq, sentence=sentence, way_out=way_out or _BACKUP)
