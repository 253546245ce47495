"""Never two owners, nothing lost, whatever dies and whatever the network does: a model of the whole protocol, and
bugs planted in it that it has to find.

`CASTOFF_MODEL_EXAMPLES` is how many schedules are drawn of each of the two kinds, `CASTOFF_SEED` which; 0 draws others
each time, as ``make soak-model`` does. Either is printed.
"""

import os
import random
import sys

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from agent import protocol
from tests.remote.model.bugs import BUGS
from tests.remote.model.world import Violation, World

_BYTES = 96
"""Of a schedule: two a step."""
_EXAMPLES = int(os.environ.get("CASTOFF_MODEL_EXAMPLES", "10000"))
SEED = int(os.environ.get("CASTOFF_SEED", "1")) or random.Random().randrange(1, 10**6)
_HUNTS = 20_000
_CALM = 0.8


@pytest.mark.timeout(max(1200, _EXAMPLES // 5))
@pytest.mark.parametrize("copied", [False, True])
def test_nobody_owns_it_twice_and_nothing_is_lost(copied: bool) -> None:
    sys.stdout.write(f"CASTOFF_SEED={SEED} CASTOFF_MODEL_EXAMPLES={_EXAMPLES}\n")

    @seed(SEED)
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


def _schedule(number: int) -> bytes:
    """Always the same; each second one is calm, for bugs that lie deep: handed off at once, few deaths after that."""
    dice = random.Random(number)
    drawn = dice.randbytes(_BYTES)
    if number % 2:
        return drawn
    kept = (bool(place % 2 == 0 or dice.random() > _CALM) for place in range(_BYTES))
    return bytes(10) + bytes(byte if keep else 0 for byte, keep in zip(drawn[10:], kept, strict=False))


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = BUGS[name]
    for rule, wrong in (bug.rules or {}).items():
        monkeypatch.setattr(protocol, rule, wrong)
    with pytest.raises(Violation):
        for number in range(_HUNTS):
            World(bug.faults, bug.disk_faults, copied=bug.copied).run(_schedule(number))
