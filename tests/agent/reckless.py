"""One run of an agent that spends and does not stop, on the real runner: how far it goes."""

import sys
from pathlib import Path
from typing import NamedTuple

from agent.events import Budget
from tests.agent.running import Place

AGENT = Path(__file__).parents[1] / "doubles" / "reckless_agent.py"
PATIENCE = 500.0
"""Seconds after which a run counts as not stopped, on a machine that does much else."""
KINDS = ("honest", "silent", "hanging", "deaf", "wrong", "unpriced")


class Outcome(NamedTuple):
    """``over`` are the model calls beyond the one by which the limit was reached; ``resumable``: whether the session
    went on once more budget was granted."""

    kind: str
    over: int
    resumable: bool


def budget_for(kind: str, cents: int) -> Budget:
    """A limit that can hold for what the agent tells."""
    if kind in ("silent", "hanging"):
        return Budget(max_minutes=cents / 600)
    return Budget(max_tool_calls=cents) if kind == "unpriced" else Budget(max_usd=cents / 100)


async def run(place: Place, kind: str, cents: int = 5) -> Outcome:
    """Run it until it is paused, then extend the budget."""
    calls = place.tree / "calls"
    calls.unlink(missing_ok=True)
    duty = place.duty([sys.executable, "-I", str(AGENT), kind])
    async with place.running(duty) as run:
        await run.viewer.set_budget(budget_for(kind, cents))
        await run.viewer.prompt("Spend")
        state = await run.until(lambda s: s.phase == "paused", PATIENCE)
        assert "is used up" in state.detail
        times = [float(line) for line in calls.read_text().split()] if calls.exists() else []
        await run.viewer.extend()
        state = await run.until(lambda s: s.phase == "working" and s.turns == 2, PATIENCE)
        over = max(0, len(times) - cents)
        return Outcome(kind, over, state.turn is not None)
