"""A host's disk that fills up, and what is said of it."""

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from remote.disk_watch import find_shortage


def _disk(monkeypatch: pytest.MonkeyPatch, *, free: int, files: int = 10**6, all_files: int = 10**7) -> None:
    numbers = Mock(f_bavail=free // 4096, f_frsize=4096, f_favail=files, f_files=all_files)
    monkeypatch.setattr(os, "statvfs", Mock(return_value=numbers))


def test_a_disk_with_room_is_no_shortage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _disk(monkeypatch, free=10**9)
    assert find_shortage(tmp_path) == ""
    _disk(monkeypatch, free=10**9, files=0, all_files=0)
    assert find_shortage(tmp_path) == ""


def test_a_disk_without_is_one_with_its_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _disk(monkeypatch, free=50_000_000)
    assert find_shortage(tmp_path) == "The host's disk is nearly full, 50 MB are free. Make room there, then resume."
    _disk(monkeypatch, free=10**9, files=7)
    assert "7 more files" in find_shortage(tmp_path)


def test_a_disk_that_cannot_be_looked_at_is_one(tmp_path: Path) -> None:
    assert "cannot be looked at" in find_shortage(tmp_path / "gone")
