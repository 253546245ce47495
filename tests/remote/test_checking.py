"""``castoff check``'s eyes: a whole session passes, and each planted damage is found where it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.durable import write_model
from agent.events import Noted
from agent.journal import Journal, read_head
from agent.lease import write_lease
from agent.protocol import Lease
from agent.sessions import SessionDir, create_session
from remote.checking import check_session
from remote.host_protocol import Proof
from remote.receipt import Receipt
from snapshot.capture import capture
from snapshot.left import keep_left
from snapshot.manifest import write_manifest
from tests.remote.test_landing import Journey
from tests.snapshot.repos import start, write

Damage = Callable[[SessionDir], None]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.org")


@pytest.fixture
def away(tmp_path: Path) -> SessionDir:
    """A session on a host, with everything that a handoff keeps here."""
    project = tmp_path / "project"
    start(project)
    write(project, "note.txt", "one\n")
    session = create_session(tmp_path / "state", project, "builtin")
    journal = Journal(session.journal, 1)
    for text in ("one", "two", "three"):
        journal.append(Noted(text=text))
    journal.close()
    session.frames.write_text('{"jsonrpc": "2.0"}\n{"jsonrpc": "2.0"}\n{"torn')
    move, manifest = session.move(2), capture(project)
    write_manifest(move / "manifest.json", manifest)
    write_model(move / "left.json", keep_left(project, session.path / "left", manifest))
    proof = Proof(
        agent="builtin", agent_session_id="s", resumed="load", epoch=2, head_seq=4, history=read_head(session.journal)
    )
    write_model(move / "receipt.json", Receipt(host="vm", epoch=2, proof=proof, tree_digest=manifest.digest))
    write_lease(session, Lease(epoch=2, state="away", to="vm"))
    return session


def flip(name: str, at: bytes) -> Damage:
    """Change one byte of what ``name`` holds, at the text ``at``."""

    def damage(session: SessionDir) -> None:
        data = bytearray((session.path / name).read_bytes())
        data[data.index(at)] ^= 1
        (session.path / name).write_bytes(bytes(data))

    return damage


def drop(name: str) -> Damage:
    return lambda session: (session.path / name).unlink()


def edit(name: str, **fields: object) -> Damage:
    def damage(session: SessionDir) -> None:
        path = session.path / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return damage


def truncate(name: str) -> Damage:
    def damage(session: SessionDir) -> None:
        data = (session.path / name).read_bytes()
        (session.path / name).write_bytes(data[: len(data) // 2])

    return damage


def drop_line(session: SessionDir) -> None:
    lines = session.journal.read_bytes().splitlines(keepends=True)
    session.journal.write_bytes(lines[0] + lines[2])


def drop_left(session: SessionDir) -> None:
    shutil.rmtree(session.path / "left" / "objects")
    (session.path / "left" / "objects").mkdir()


DAMAGES: dict[str, tuple[Damage, str, int | None]] = {
    "a flipped byte in the journal": (flip("journal.jsonl", b"two"), "journal.jsonl", 2),
    "a flipped byte in its last line": (flip("journal.jsonl", b"three"), "journal.jsonl", None),
    "nonsense in the journal": (flip("journal.jsonl", b'"kind":"note","level":"info","text":"two'), "journal.jsonl", 2),
    "a missing event": (drop_line, "journal.jsonl", 2),
    "a missing journal": (drop("journal.jsonl"), "journal.jsonl", None),
    "a missing lease": (drop("lease.json"), "lease.json", None),
    "a lease of a newer format": (edit("lease.json", format=9), "lease.json", None),
    "a missing identity": (drop("session.json"), "session.json", None),
    "another session's identity": (edit("session.json", id="another"), "session.json", None),
    "an event of an epoch that nobody held": (edit("lease.json", epoch=0), "journal.jsonl", 1),
    "a broken raw frame": (flip("acp.jsonl", b"{"), "acp.jsonl", None),
    "a truncated manifest": (truncate("moves/2/manifest.json"), "moves/2/manifest.json", None),
    "a flipped byte in the manifest": (flip("moves/2/manifest.json", b"note.txt"), "moves/2/manifest.json", None),
    "a missing manifest": (drop("moves/2/manifest.json"), "moves/2/manifest.json", None),
    "a wrong digest": (edit("moves/2/receipt.json", tree_digest="0" * 64), "moves/2/receipt.json", None),
    "a missing receipt": (drop("moves/2/receipt.json"), "moves/2/receipt.json", None),
    "a missing base": (drop("moves/2/left.json"), "moves/2/left.json", None),
    "texts that are gone": (drop_left, "left", None),
}


def test_a_whole_session_passes_and_nothing_is_changed(away: SessionDir) -> None:
    before = {path: path.read_bytes() for path in away.path.rglob("*") if path.is_file()}
    assert check_session(away.path) == ()
    assert {path: path.read_bytes() for path in away.path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", DAMAGES)
def test_planted_damage_is_found_where_it_is(away: SessionDir, name: str) -> None:
    damage, where, seq = DAMAGES[name]
    damage(away)
    found = {(finding.path, finding.seq): finding for finding in check_session(away.path)}
    assert (str(away.path / where), seq) in found, found
    assert all(finding.sentence.endswith((".", ")")) and finding.way_out for finding in found.values())


def test_what_a_pull_keeps_for_its_undo(tmp_path: Path) -> None:
    journey = Journey(tmp_path)
    write(journey.there, "b.txt", "two\n")
    journey.come_home()
    assert check_session(journey.session.path) == ()
    keep = journey.session.move(3) / "keep"
    (kept,) = (path for path in (keep / "files").iterdir())
    original = kept.read_bytes()
    kept.write_bytes(b"x" + original[1:])
    (finding,) = check_session(journey.session.path)
    assert finding.path == str(kept) and "b.txt" in finding.sentence and "castoff undo" in finding.way_out
    kept.unlink()
    assert [finding.path for finding in check_session(journey.session.path)] == [str(kept)]
    kept.write_bytes(original)
    (keep / "undo.json").write_text("{")
    assert [finding.path for finding in check_session(journey.session.path)] == [str(keep / "undo.json")]
