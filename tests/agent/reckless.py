"""One run of an agent that spends and does not stop, on the real runner: how far it goes, and how long it takes."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

from agent.events import Budget, PhaseChanged
from tests.agent.running import Place

AGENT = Path(__file__).parents[1] / "doubles" / "reckless_agent.py"
KINDS = ("honest", "silent", "hanging", "deaf", "wrong", "unpriced")


class Outcome(NamedTuple):
    """``over`` are the model calls beyond the one by which the limit was reached, ``seconds`` how long the agent went
    on after it, ``resumable`` whether the session went on once more budget was granted."""

    kind: str
    over: int
    seconds: float
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
        began = time.time()
        await run.viewer.prompt("Spend")
        state = await run.until_phase("paused")
        assert "is used up" in state.detail
        times = [float(line) for line in calls.read_text().split()] if calls.exists() else []
        reached = began + cents / 10 if kind in ("silent", "hanging") else times[cents - 1]
        paused = next(event.at for event in run.events if isinstance(event, PhaseChanged) and event.phase == "paused")
        await run.viewer.extend()
        state = await run.until(lambda s: s.phase == "working" and s.turns == 2)
        over = max(0, len(times) - cents)
        return Outcome(kind, over, paused - reached, state.turn is not None)
