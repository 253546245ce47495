"""Whether everything that is kept of a session here is what was written: records, manifests, originals, what left."""

from collections.abc import Iterator
from pathlib import Path

from agent.durable import read_model
from agent.errors import RecordDamaged
from agent.journal import goes_on_from
from agent.lease import known_lease
from agent.protocol import Lease
from agent.soundness import Finding, check_records
from remote.receipt import Receipt, Sent
from snapshot.errors import ManifestDamaged
from snapshot.kept import Damage, check_keep, check_left
from snapshot.left import Left
from snapshot.manifest import Manifest, read_manifest

_AWAY = "The run itself is whole on its host; castoff pull asks about what it cannot merge."
_UNDO = "castoff undo cannot put this back; a backup, or the commit that castoff undo --list names, can."
_HISTORY = (
    "Don't write to this machine's castoff state by hand; castoff pull would refuse the run's history: restore it."
)
_OLD = "Nothing needs it but the record of that move: it can stay as it is."


def check_session(path: Path) -> tuple[Finding, ...]:
    """What is wrong in the session's directory ``path``, here or on a host; nothing is changed."""
    findings = check_records(path)
    try:
        lease = known_lease(path)
    except RecordDamaged:
        lease = None  # told by `check_records`
    moves = path / "moves"
    folders = sorted((move for move in moves.iterdir() if move.name.isdecimal()), key=_epoch) if moves.is_dir() else []
    for move in folders:
        findings += _check_move(path, move, lease)
    if (path / "manifest.json").exists():
        _, wrong = _read_manifest(path / "manifest.json", "castoff pull needs it: hand the session off again.")
        findings += wrong
    return tuple(findings)


def _epoch(move: Path) -> int:
    return int(move.name)


def _check_move(path: Path, move: Path, lease: Lease | None) -> Iterator[Finding]:
    waits = lease is not None and lease.state == "away" and lease.epoch == _epoch(move)
    way_out = _AWAY if waits else _OLD
    manifest: Manifest | None = None
    if (move / "manifest.json").exists():
        manifest, wrong = _read_manifest(move / "manifest.json", way_out)
        yield from wrong
    elif waits:
        yield _missing(move / "manifest.json", "castoff reclaim takes the session back without the run's work.")
    yield from _check_receipt(path, move, manifest, waits=waits)
    for damage in check_keep(move / "keep"):
        yield _tell(damage, _UNDO)
    if waits and manifest is not None:
        yield from _check_left(path, move, manifest)


def _check_receipt(path: Path, move: Path, manifest: Manifest | None, *, waits: bool) -> Iterator[Finding]:
    for name, model in (("sent.json", Sent), ("receipt.json", Receipt)):
        if not (move / name).exists():
            if waits and name == "receipt.json":
                yield _missing(move / name, _AWAY)
            continue
        try:
            record = read_model(move / name, model)
        except RecordDamaged as error:
            yield Finding(path=str(move / name), sentence=str(error), way_out=error.way_out or _OLD)
            continue
        if manifest is not None and record.tree_digest not in ("", manifest.digest):
            sentence = f"What was sent by {name} is not what its manifest lists."
            yield Finding(path=str(move / name), sentence=sentence, way_out=_AWAY if waits else _OLD)
        if waits and isinstance(record, Receipt):
            yield from _check_history(path / "journal.jsonl", record)


def _check_history(journal: Path, receipt: Receipt) -> Iterator[Finding]:
    # One that is missing is told by `check_records`; of a pull that was cut late, the run's own is in place already.
    if journal.exists() and not goes_on_from(journal, receipt.proof.history):
        sentence = "The journal here is not the one that the host proved to go on from."
        yield Finding(path=str(journal), sentence=sentence, way_out=_HISTORY)


def _check_left(path: Path, move: Path, manifest: Manifest) -> Iterator[Finding]:
    if not (move / "left.json").exists():
        yield _missing(move / "left.json", _AWAY)
        return
    try:
        left = read_model(move / "left.json", Left)
    except RecordDamaged as error:
        yield Finding(path=str(move / "left.json"), sentence=str(error), way_out=error.way_out or _AWAY)
        return
    for damage in check_left(path / "left", left, manifest):
        yield _tell(damage, _AWAY)


def _read_manifest(file: Path, way_out: str) -> tuple[Manifest | None, list[Finding]]:
    try:
        return read_manifest(file), []
    except ManifestDamaged as error:
        return None, [Finding(path=str(file), sentence=str(error), way_out=way_out)]


def _missing(file: Path, way_out: str) -> Finding:
    return Finding(path=str(file), sentence=f"{file.name} is missing.", way_out=way_out)


def _tell(damage: Damage, way_out: str) -> Finding:
    return Finding(path=str(damage.file), sentence=damage.sentence, way_out=way_out)
