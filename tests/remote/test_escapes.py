"""Nobody gets out of a sandbox further than its level says; the probes prove themselves where there is no sandbox."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.levels import LEVELS, SAYS, Level
from tests.remote.probes import PROBES, Outside, make_outside, table


@pytest.fixture
def outside() -> Iterator[Outside]:
    with make_outside() as made:
        yield made


@pytest.mark.parametrize("level", LEVELS)
def test_no_probe_gets_further_than_the_level_says(outside: Outside, level: Level) -> None:
    found = outside.probe(level)
    kept = {probe.what for probe in PROBES if probe.promise in SAYS[level].keeps}
    assert {what for what in kept if found[what]} == set()


def test_without_a_sandbox_the_ways_are_open(outside: Outside) -> None:
    found = outside.probe("none")
    assert [probe.what for probe in PROBES if probe.shows and not found[probe.what]] == []


def test_there_are_enough_of_them_and_each_level_is_weaker_than_the_one_before() -> None:
    assert len({probe.what for probe in PROBES}) == len(PROBES) >= 40
    for stronger, weaker in itertools.pairwise(LEVELS):
        assert SAYS[stronger].keeps > SAYS[weaker].keeps


def test_the_page_has_the_table_of_the_probes() -> None:
    assert table() in (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
