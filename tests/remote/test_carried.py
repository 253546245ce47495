"""Files outside the tree that travel into the run's HOME, and nowhere else."""

from pathlib import Path

import pytest

from agent.durable import write_model
from remote.carried import Carried, CarriedFile, pack_carried, place_carried
from remote.errors import RemoteError


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The laptop's HOME, a parcel, the run's HOME."""
    home, parcel, run = (tmp_path / name for name in ("home", "parcel", "run"))
    for place in (home, parcel, run):
        place.mkdir()
    return home, parcel, run


def test_there_and_as_private_as_it_should_be(places: tuple[Path, Path, Path]) -> None:
    home, parcel, run = places
    (home / "bin").mkdir()
    (home / "bin" / "tool").write_text("#!/bin/sh\n")
    (home / "bin" / "tool").chmod(0o755)
    (home / "notes").write_text("n\n")
    (run / "notes").write_text("older\n")
    pack_carried(parcel, home, ["bin/tool", "notes"])
    place_carried(parcel, run)
    assert {str(p.relative_to(run)): p.stat().st_mode & 0o777 for p in run.rglob("*") if p.is_file()} == {
        "bin/tool": 0o700,
        "notes": 0o600,
    }
    assert (run / "notes").read_text() == "n\n"


def test_a_parcel_without_any(places: tuple[Path, Path, Path]) -> None:
    home, parcel, run = places
    pack_carried(parcel, home, [])
    place_carried(parcel, run)
    assert list(parcel.iterdir()) == [] and list(run.iterdir()) == []


def test_a_file_that_is_gone_stops_it(places: tuple[Path, Path, Path]) -> None:
    home, parcel, _ = places
    with pytest.raises(FileNotFoundError):
        pack_carried(parcel, home, ["gone"])


@pytest.mark.parametrize("path", ["../out", "/etc/x", "", "linked/file"])
def test_nothing_lands_outside_the_runs_home(places: tuple[Path, Path, Path], path: str) -> None:
    home, parcel, run = places
    outside = home / "outside"
    outside.mkdir()
    (run / "linked").symlink_to(outside)
    (parcel / "home" / "linked").mkdir(parents=True)
    (parcel / "home" / "linked" / "file").write_text("x")
    write_model(parcel / "carried.json", Carried(files=(CarriedFile(path=path),)))
    with pytest.raises(RemoteError):
        place_carried(parcel, run)
    assert list(outside.iterdir()) == [] and not (run.parent / "out").exists()
