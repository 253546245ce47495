import subprocess
import sys
from pathlib import Path

import pytest

from snapshot.errors import GitFailed
from snapshot.git import git
from tests.snapshot.repos import start
from tests.waiting import wait_until


def test_an_error_is_one_sentence(tmp_path: Path) -> None:
    start(tmp_path)
    with pytest.raises(GitFailed, match=r"git cat-file failed: fatal: Not a valid object name nothing"):
        git("cat-file", "-p", "nothing", tree=tmp_path)


def test_a_full_disk_has_a_way_out(tmp_path: Path) -> None:
    says = "alias.full=!echo 'fatal: unable to write loose object file: No space left on device' >&2; exit 128"
    with pytest.raises(GitFailed, match="No space left on device") as caught:
        git("full", git_dir=tmp_path, config=(says,))
    assert "Make room" in caught.value.way_out


def test_a_time_limit(tmp_path: Path) -> None:
    start(tmp_path)
    with pytest.raises(GitFailed, match=r"git x did not end within 0 s"):
        git("x", tree=tmp_path, config=["alias.x=!sleep 20"], seconds=0.3)


def test_a_time_limit_ends_what_git_started_too(tmp_path: Path) -> None:
    start(tmp_path)
    alias = f"alias.x=!echo $$ > {tmp_path}/pid; sleep 600"
    with pytest.raises(GitFailed, match="did not end"):
        git("x", tree=tmp_path, config=[alias], seconds=3)
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitFailed, match="not installed") as caught:
        git("--version")
    assert caught.value.way_out


def test_the_surrounding_git_command_does_not_point_us_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(tmp_path / "tree")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert b"README" in git("ls-files", tree=tmp_path / "tree").out


def test_snapshot_imports_nothing_of_ours() -> None:
    modules = "snapshot.__main__, snapshot.survey, snapshot.capture, snapshot.home, snapshot.filters, snapshot.verify"
    code = f"import {modules}, sys; print([m for m in sys.modules if m.split('.')[0] in {{'agent', 'remote', 'tui'}}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
