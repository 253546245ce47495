"""500 simulated runs of agents that spend: each is stopped soon after its limit, and can go on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles

import pytest

from agent.budget import STOP_SECONDS
from tests.agent.simulation import Outcome, World
from tests.agent.spender import KINDS

RUNS = 500


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    world.loop.close()


def test_every_spender_is_stopped_and_can_go_on(world: World, record_property: Callable[[str, object], None]) -> None:
    outcomes = [world.run(seed) for seed in range(RUNS)]
    for kind in KINDS:
        record_property(kind, _tell([each for each in outcomes if each.habits.kind == kind]))
    record_property("all", _tell(outcomes))
    assert [each for each in outcomes if not each.resumed] == []
    assert [each for each in outcomes if each.over > 1] == []
    assert [each for each in outcomes if each.seconds > STOP_SECONDS] == []


def _tell(outcomes: list[Outcome]) -> str:
    """Worst and 99th percentile; the seconds are those of the simulation."""
    seconds = [each.seconds for each in outcomes]
    over = [each.over for each in outcomes]
    last = quantiles(seconds, n=100, method="inclusive")[-1]
    return f"{len(over)} runs, over by {max(over)} calls at most, p99 {last:.1f} s, longest {max(seconds):.1f} s"
