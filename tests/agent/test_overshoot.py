"""Agents that spend and do not stop are stopped: how far they go beyond the limit is bounded, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.sessions import SessionDir
from tests.agent import reckless
from tests.agent.running import Place, seqs_are_whole
from tests.doubles.openai_model import serving


@pytest.fixture
def place(own_session: SessionDir, tmp_path: Path) -> Iterator[Place]:
    with serving({}, tmp_path / "requests.jsonl") as (model, _):
        yield Place(own_session, tmp_path / "tree", model)


@pytest.mark.parametrize("kind", reckless.KINDS)
async def test_a_spender_is_stopped(place: Place, kind: str) -> None:
    outcome = await reckless.run(place, kind)
    assert outcome.resumable and seqs_are_whole(place)
    if kind != "deaf":  # it spends until it is killed
        assert outcome.over <= 2
