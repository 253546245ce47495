"""A tree above the user's limits is never sent without a word."""

from pathlib import Path

import pytest

from remote.config import Settings, make_host
from remote.errors import SettingsDamaged
from remote.size_limits import SizeLimits, check_size
from snapshot.survey import Survey


def _seen(files: int, size: int) -> Survey:
    return Survey(files=files, size=size, git="")


@pytest.mark.parametrize(
    ("files", "size", "limits", "code"),
    [
        (100_000, 10_000_000_000, SizeLimits(), None),
        (100_001, 1, SizeLimits(), "large"),
        (1, 10_000_100_000, SizeLimits(), "large"),
        (5, 1, SizeLimits(warn_files=4), "large"),
        (100_001, 1, SizeLimits(warn_files=200_000), None),
        (6, 1, SizeLimits(stop_files=5), "too-large"),
        (1, 2_000_001, SizeLimits(warn_megabytes=1, stop_megabytes=2), "too-large"),
        (1, 1_500_000, SizeLimits(warn_megabytes=1, stop_megabytes=2), "large"),
    ],
)
def test_limits(files: int, size: int, limits: SizeLimits, code: str | None) -> None:
    found = check_size(_seen(files, size), limits)
    assert [problem.code for problem in found] == ([code] if code else [])
    assert all(problem.blocking == (code == "too-large") and problem.way_out for problem in found)
    assert all(f"{files:,} files" in problem.sentence for problem in found)


def test_limits_are_read_beside_hosts_and_strictly(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "config.toml")
    assert settings.limits() == SizeLimits()
    settings.path.write_text("[limits]\nwarn_files = 7 # few\n")
    settings.add(make_host("vm", "me@vm.example.org"))
    assert settings.limits() == SizeLimits(warn_files=7)
    assert "# few" in settings.path.read_text()
    for wrong, said in (("warn_files = 0", "limits.warn_files"), ("warn = 1", "limits.warn"), ("x = 1", "limits.x")):
        settings.path.write_text(f"[limits]\n{wrong}\n")
        with pytest.raises(SettingsDamaged, match=said):
            settings.limits()
    settings.path.write_text("limits = 1\n")
    with pytest.raises(SettingsDamaged, match="limits"):
        settings.limits()
