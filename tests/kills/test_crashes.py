"""Handoff, pull and resume under strace: what a power cut could leave, and every place at which they can be cut.

A run of the tests deals blows of every kind in turn until five minutes are over, with its preparations.
`CASTOFF_KILLS` is how many it deals instead, for as long as that takes; ``all*20`` is all of them, 20 times (``make
soak-kills``). `CASTOFF_SEED` chooses; it is printed.
"""

import math
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from tests.hosts import HostForTests
from tests.kills.linter import count_renames, find_faults, records_below
from tests.kills.points import Point, Side, enumerate_points
from tests.kills.rounds import all_blows, some_blows, strike
from tests.kills.stage import COMMANDS, Stage, set_stage
from tests.kills.tracing import Call, parse, strace

KILLS = os.environ.get("CASTOFF_KILLS", "")
SEED = int(os.environ.get("CASTOFF_SEED", "0")) or Random().randrange(1, 10**6)
_SECONDS = 300.0
_MOST = 200

pytestmark = [
    pytest.mark.timeout(0 if KILLS else 1800),
    pytest.mark.skipif(not (shutil.which("strace") or os.environ.get("CI")), reason="there is no strace here"),
]


@pytest.fixture(scope="module")
def stage(sshd_host: HostForTests, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    begun = time.monotonic()
    with set_stage(sshd_host, tmp_path_factory.mktemp("stage")) as stage:
        stage.end = math.inf if KILLS else begun + _SECONDS
        for command in COMMANDS:
            _run_traced(stage, command, None)
        yield stage


Traces = dict[tuple[str, Side], tuple[list[Call], frozenset[str], int]]
"""By command and side: the calls, the files that were there before, and the session's epoch before."""


@pytest.fixture(scope="module")
def traces(stage: Stage) -> list[Traces]:
    """Two whole rounds, seen from both sides."""
    rounds: list[Traces] = []
    for _ in range(2):
        traces: Traces = {}
        for command in COMMANDS:
            epoch = stage.leases()[0].epoch
            for side, trace in _run_traced(stage, command, stage.meeting).items():
                traces[command, side] = (*trace, epoch)
        rounds.append(traces)
        stage.rounds += 1
    return rounds


def _run_traced(stage: Stage, command: str, out: Path | None) -> dict[Side, tuple[list[Call], frozenset[str]]]:
    here, there = (out / f"{command}.{side}" for side in ("here", "there")) if out else (None, None)
    known = {side: frozenset(map(str, state.rglob("*"))) for side, state in stage.states().items()}
    with stage.traced_host(there) if there else nullcontext():
        ran = stage.run(stage.words(command), strace(here) if here else None)
    assert ran.returncode == 0, f"{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    stage.settle(command)
    files: dict[Side, Path] = {"here": here, "there": there} if here and there else {}
    return {
        side: (parse(file.read_text(errors="replace").splitlines()), known[side])
        for side, file in files.items()
        if file.stat().st_size
    }


def _points(stage: Stage, traces: Traces) -> set[Point]:
    points: set[Point] = set()
    for (command, side), (calls, _, epoch) in traces.items():
        points |= enumerate_points(command, side, calls, stage.folders(side), epoch)
    return points


def test_every_record_is_on_disk_before_anybody_hears_of_it(
    stage: Stage, traces: list[Traces], record_property: Callable[[str, object], None]
) -> None:
    faults, renames = list[str](), 0
    for traced in traces:
        for (_, side), (calls, known, _) in traced.items():
            is_record = records_below(stage.states()[side])
            faults += find_faults(calls, is_record, known)
            renames += count_renames(calls, is_record)
    assert not faults, "\n".join(faults)
    assert renames > 50
    record_property("records that got their names", renames)


def test_harmed_anywhere_it_converges_with_one_more_run(
    stage: Stage, traces: list[Traces], record_property: Callable[[str, object], None]
) -> None:
    # What has another name each time, as a temporary file, no second run would come by.
    points, random = _points(stage, traces[0]) & _points(stage, traces[1]), Random(SEED)
    counts = Counter((point.command, point.side) for point in points)
    record_property("seed", SEED)
    record_property("points", f"{len(points)}: {dict(sorted(counts.items()))}")
    assert counts.keys() == {("send", "here"), *((c, s) for c in ("handoff", "pull") for s in ("here", "there"))}
    whole, _, times = KILLS.partition("*")
    if whole == "all":
        blows = all_blows(points, int(times or 1), random)
    else:
        blows = some_blows(points, int(KILLS or _MOST), random)
    try:
        tally = strike(stage, blows)
    except AssertionError as error:
        raise AssertionError(f"CASTOFF_SEED={SEED} CASTOFF_KILLS={KILLS or len(blows)}: {error}") from error
    record_property("blows", str(tally))
    assert tally.struck.total() > tally.missed.total()


_WRITERS = {
    "": "from agent.durable import write_record; write_record(record, b'new')",
    "its bytes": "part.write_bytes(b'new'); part.rename(record); sync(record.parent)",
    "left before": "part.write_bytes(b'new'); sync(part); part.rename(record)",
    "told of": "part.write_bytes(b'new'); sync(part); part.rename(record); os.write(1, b'done'); sync(record.parent)",
    "is left": "record.write_bytes(b'new'); sync(record)",
}
_PROGRAM = """
import os, sys
from pathlib import Path
record, part = Path(sys.argv[1]), Path(sys.argv[1] + ".part")
def sync(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
"""


@pytest.mark.parametrize("fault", _WRITERS)
def test_planted_writers_are_found_out(tmp_path: Path, fault: str) -> None:
    record = tmp_path / "sessions" / "s" / "lease.json"
    record.parent.mkdir(parents=True)
    program = [sys.executable, "-I", "-c", _PROGRAM + _WRITERS[fault], str(record)]
    subprocess.run([*strace(tmp_path / "trace"), *program], check=True, stdout=subprocess.PIPE, cwd="/")
    calls = parse((tmp_path / "trace").read_text().splitlines())
    faults = find_faults(calls, records_below(tmp_path))
    assert [fault in found for found in faults] == ([True] if fault else [])
