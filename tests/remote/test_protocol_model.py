"""Never two owners, nothing lost, whatever dies and whatever the network does: a model of the whole protocol, and
bugs planted in it that it has to find."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import protocol
from tests.remote.model.bugs import BUGS
from tests.remote.model.world import Violation, World

_BYTES = 96
"""Of a schedule: two a step."""
_EXAMPLES = int(os.environ.get("CASTOFF_MODEL_EXAMPLES", "10000"))
"""Of each of the two kinds."""
_HUNTS = 12_000


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("copied", [False, True])
def test_nobody_owns_it_twice_and_nothing_is_lost(copied: bool) -> None:
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(st.binary(min_size=_BYTES, max_size=_BYTES))
    def examine(schedule: bytes) -> None:
        World(copied=copied).run(schedule)

    examine()


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = BUGS[name]
    for rule, wrong in (bug.rules or {}).items():
        monkeypatch.setattr(protocol, rule, wrong)
    with pytest.raises(Violation):
        for seed in range(_HUNTS):
            schedule = random.Random(seed).randbytes(_BYTES)
            World(bug.faults, bug.disk_faults, copied=bug.copied).run(schedule)
