"""``castoff gc``: what is listed goes, on this machine and on a real host, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from agent.lease import Lease
from agent.paths import state_dir
from agent.sessions import create_session
from remote.config import Settings
from tests.hosts import HostForTests
from tests.tui.cli.conftest import Castoff

LONG_AGO = time.time() - 100 * 86400


def plant_here(tmp_path: Path) -> Path:
    """A parcel of a handoff that was given up long ago."""
    parcel = create_session(state_dir(), tmp_path, "builtin").move(2) / "parcel"
    parcel.mkdir()
    os.utime(parcel, (LONG_AGO, LONG_AGO))
    return parcel


def plant_there(state: Path, run_id: str) -> Path:
    """An archived run, as a host has it."""
    session, tree = state / "sessions" / run_id, state / "trees" / run_id
    for folder in (session, tree):
        folder.mkdir(parents=True)
    (tree / "file").write_text("12345")
    (session / "lease.json").write_text(Lease(epoch=4, state="away", to="home").model_dump_json())
    os.utime(session / "lease.json", (LONG_AGO, LONG_AGO))
    return tree


@pytest.fixture
def vm(embedded_host: HostForTests, tmp_path: Path) -> Path:
    """The host is in the settings; its state directory."""
    embedded_host.write_settings(tmp_path / "config")
    Settings().add(embedded_host.host.model_copy(update={"name": "vm"}))
    return embedded_host.home / ".local/state/castoff"


def test_it_is_listed_first_and_removed_only_when_agreed_to(tmp_path: Path, castoff: Castoff) -> None:
    parcel = plant_here(tmp_path)
    ran = castoff("gc", "--dry-run", "--json")
    (waste, last) = ran.records
    assert (waste["machine"], waste["kind"], last["found"], last["removed"]) == ("here", "transfer", 1, 0)
    assert "the rest of a move that was given up" in castoff("gc", "--dry-run").out
    ran = castoff("gc")
    assert ran.status == 2 and "--yes" in ran.err
    assert castoff("gc", "--json").status == 2
    assert parcel.exists()
    assert castoff("gc", "--yes", "--json").records[-1]["removed"] == 1
    assert not parcel.exists()
    assert "nothing to remove" in castoff("gc", "--yes").out


def test_a_host(tmp_path: Path, vm: Path, castoff: Castoff) -> None:
    parcel, tree = plant_here(tmp_path), plant_there(vm, "gcarchived")
    ran = castoff("gc", "--host", "vm", "--dry-run", "--json")
    found = [(r["machine"], r["kind"], r["name"]) for r in ran.records if r["type"] == "waste"]
    assert found == [("vm", "run", "gcarchived")]
    assert castoff("gc", "--host", "vm", "--older-than", "200", "--json").records[-1]["found"] == 0
    ran = castoff("gc", "--host", "vm", "--yes", "--json")
    assert (ran.status, ran.records[-1]["removed"]) == (0, 1)
    assert not tree.exists() and (vm / "sessions/gcarchived/lease.json").exists()
    assert parcel.exists(), "this machine was not meant"
    assert castoff("gc", "--host", "nowhere").status == 1


def test_a_host_that_does_not_answer_is_told_and_passed_over(tmp_path: Path, vm: Path, castoff: Castoff) -> None:
    parcel = plant_here(tmp_path)
    Settings().add(Settings().host("vm").model_copy(update={"name": "gone", "port": 1}))
    Settings().remove("vm")
    ran = castoff("gc", "--yes", "--json")
    kinds = [record["type"] for record in ran.records]
    assert (ran.status, kinds, ran.records[-1]["removed"]) == (0, ["unreachable", "waste", "result"], 1)
    assert not parcel.exists()
    assert castoff("gc", "--host", "gone", "--yes").status == 1
