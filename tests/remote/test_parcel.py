"""What a host sends of a session is read as files and as nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from agent.events import AgentStarted, Noted
from agent.journal import Journal
from agent.profiles import load_profile
from agent.sessions import create_session
from remote.parcel import pack_parcel, packed_files, parcel_digest, place_home, seal_parcel
from snapshot.errors import SnapshotError
from snapshot.manifest import Manifest


def test_a_parcel_that_poses_as_a_repository_runs_nothing(tmp_path: Path) -> None:
    parcel, ran = tmp_path / "parcel", tmp_path / "ran"
    parcel.mkdir()

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b", *words], cwd=parcel, check=True)

    git("init", "-q")
    (parcel / "file").write_text("one\n")
    git("add", "file")
    git("commit", "-qm", "first")
    (parcel / ".gitattributes").write_text("* filter=planted\n")
    git("config", "filter.planted.clean", f"touch '{ran}'; cat")
    (parcel / "file").write_text("two\n")
    assert parcel_digest(parcel)
    assert not ran.exists()


def test_a_link_in_a_parcel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "journal.jsonl").symlink_to("../lease.json")
    with pytest.raises(SnapshotError, match=r"hold a link: session/journal\.jsonl"):
        parcel_digest(tmp_path)


def test_what_travels_of_the_history_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed runner's torn last line is cut off, and all else is on disk, before any of it leaves."""
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    journal = Journal(session.journal, 1)
    journal.append(Noted(level="info", text="whole"))
    journal.close()
    whole = session.journal.read_bytes()
    session.journal.write_bytes(whole + b'{"prev":"torn')
    session.frames.write_bytes(b"{}\n")
    synced: list[str] = []
    real = os.fsync

    def note_sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note_sync)
    pack_parcel(session, load_profile("builtin"), tmp_path, tmp_path / "parcel")
    assert session.journal.read_bytes() == whole == (tmp_path / "parcel/session/journal.jsonl").read_bytes()
    assert synced[:2] == ["journal.jsonl", "acp.jsonl"]


def test_the_same_packed_again_is_the_same(tmp_path: Path) -> None:
    """By this a host that lost its link in a pull, and kept nothing still since, shows that nothing went on."""
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    commits = tmp_path / "bundle"
    commits.mkdir()
    digests: set[str] = set()
    for moment in (1, 2):
        (commits / "commits.bundle").write_bytes(b"same")
        os.utime(commits / "commits.bundle", ns=(moment, moment))
        pack_parcel(session, load_profile("builtin"), tmp_path, tmp_path / "parcel", commits)
        digests.add(seal_parcel(tmp_path / "parcel", Manifest(entries=())))
    assert len(digests) == 1
    (commits / "commits.bundle").write_bytes(b"more")
    pack_parcel(session, load_profile("builtin"), tmp_path, tmp_path / "parcel", commits)
    assert seal_parcel(tmp_path / "parcel", Manifest(entries=())) not in digests
    # The times of the session's files count: agents find their latest conversation by them.
    before = parcel_digest(tmp_path / "parcel")
    os.utime(tmp_path / "parcel" / "session" / "session.json", ns=(5, 5))
    assert parcel_digest(tmp_path / "parcel") != before


def test_what_is_left_of_an_older_record_goes_and_is_kept(tmp_path: Path) -> None:
    """SQLite would take an old log of changes beside a newer database for that one's own."""
    parcel, home, keep = tmp_path / "parcel", tmp_path / "home", tmp_path / "keep"
    for place, name in ((parcel / "home", "talk.db"), (home, "talk.db"), (home, "talk.db-wal"), (home, "other.db")):
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(place.name if place == home else "came")
    came, there = (Path("talk.db"),), (Path("talk.db"), Path("talk.db-wal"))
    place_home(parcel, home, came, there, keep)
    assert {path.name: path.read_text() for path in home.iterdir()} == {"talk.db": "came", "other.db": "home"}
    assert {path.name for path in keep.iterdir()} == {"talk.db", "talk.db-wal"}
    # Carried out again after a crash, the first ones are kept.
    place_home(parcel, home, came, (), keep)
    assert (keep / "talk.db").read_text() == "home"


def test_where_no_record_came_the_one_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "talk.db").touch()
    place_home(tmp_path / "parcel", tmp_path, (), (Path("talk.db"),))
    assert (tmp_path / "talk.db").exists()


def test_what_a_record_needs_travels_with_it(tmp_path: Path) -> None:
    session = create_session(tmp_path / "state", tmp_path, "builtin")
    started = AgentStarted(agent="mine", version="1", agent_session_id="abc-1", resumed="new", host="")
    journal = Journal(session.journal, 1)
    journal.append(started)
    journal.close()
    for name in ("abc-1.json", "shared/one", "other.json"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "home" / name).touch()
    profile = load_profile("builtin").model_copy(
        update={"session_files": ("{sid}.json",), "needed_files": ("shared/**/*",)}
    )
    names = [name for name, _ in packed_files(session, profile, tmp_path / "home")]
    assert [name for name in names if name.startswith("home/")] == ["home/abc-1.json", "home/shared/one"]
