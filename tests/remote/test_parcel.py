"""What a host sends of a session is read as files and as nothing else."""

import subprocess
from pathlib import Path

import pytest

from remote.parcel import parcel_digest
from snapshot.errors import SnapshotError


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
