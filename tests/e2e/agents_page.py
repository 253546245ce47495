"""The table of docs/agents.md, of what `make test-agents` saw: ``python -m tests.e2e.agents_page`` writes it anew."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from agent.profiles import Profile, load_profile
from tests.real_agents import AGENTS

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
PROVED = Path(__file__).with_name("proved")
"""What was seen, one file for each agent and test."""
VARIABLE = "CASTOFF_PROVED"
"""Names the directory that tests write what they saw to; without it they only check."""

Test = Literal["journey", "killed", "full"]
_BEGIN = "| agent | version | local "
_HEAD = """\
| agent | version | local | handoff | taken up by | usage | mode at each start | home again | after kill -9 | `full` |
|---|---|---|---|---|---|---|---|---|---|
"""


class Proof(BaseModel):
    """What one test saw of one agent: how its processes took the session up, what they were set to, what they told."""

    version: str
    starts: tuple[str, ...]
    """``HOW here`` or ``HOW there`` for each process, oldest first."""
    modes: tuple[str, ...]
    tokens: bool
    cost: bool
    context: bool


def note_proof(agent: str, test: Test, proof: Proof) -> None:
    """Write down what a test saw that has passed, where that is wanted."""
    if place := os.environ.get(VARIABLE):
        Path(place).mkdir(parents=True, exist_ok=True)
        (Path(place) / f"{agent}-{test}.json").write_text(proof.model_dump_json(indent=1) + "\n", "utf-8")


def read_events(events: Sequence[dict[str, Any]], modes: Sequence[str]) -> Proof:
    """What the journal's events tell of the agent."""
    starts = [event for event in events if event["kind"] == "agent_started"]
    used = [event for event in events if event["kind"] == "usage"]
    return Proof(
        version=starts[-1]["version"],
        starts=tuple(f"{each['resumed']} {'there' if each['host'] else 'here'}" for each in starts),
        modes=tuple(sorted(set(modes))),
        tokens=any(each["input_tokens"] for each in used),
        cost=any(each["cost_usd"] for each in used),
        context=any(each["context_used"] for each in used),
    )


def proofs(agent: str) -> dict[Test, Proof]:
    """What was written down of an agent."""
    tests: tuple[Test, ...] = ("journey", "killed", "full")
    files: dict[Test, Path] = {test: PROVED / f"{agent}-{test}.json" for test in tests}
    return {test: Proof(**json.loads(file.read_bytes())) for test, file in files.items() if file.exists()}


def _row(profile: Profile) -> str:
    seen = proofs(profile.name)
    journey, killed = seen.get("journey"), seen.get("killed")
    if journey is None:
        return ""
    gone = [start.partition(" ") for start in journey.starts]
    cells = (
        f"{profile.title} (`{profile.name}`)",
        journey.version,
        _yes(gone[0] == ("new", " ", "here")),
        _yes(any(where == "there" for _, _, where in gone)),
        " and ".join(sorted({how for how, _, _ in gone if how != "new"})),
        _usage(profile, journey),
        ", ".join(f"`{mode}`" for mode in journey.modes) or "it has none",
        _yes(gone[-1][2] == "here" and len(gone) > 2),
        _yes(killed is not None and "there" in killed.starts[-1] + killed.starts[-2]),
        _yes("full" in seen),
    )
    return f"| {' | '.join(cells)} |\n"


def _yes(seen: bool) -> str:
    return "yes" if seen else "no"


def _usage(profile: Profile, proof: Proof) -> str:
    """What it told in the test, and by the profile what that counts."""
    which = "each" if profile.usage in ("call", "turn") else "the"
    told = [f"tokens of {which} {profile.usage}"] if proof.tokens else []
    told += [f"cost of the {profile.cost or profile.usage}"] if proof.cost else []
    return ", ".join(told) or ("how full its context is, no tokens" if proof.context else "nothing")


def table() -> str:
    """The table's lines."""
    return _HEAD + "".join(_row(load_profile(name, Path("/nonexistent"))) for name in sorted(AGENTS))


def renewed(page: str) -> str:
    """The page with its table as the tests have seen the agents."""
    before, _, rest = page.partition(_BEGIN)
    return before + table() + "\n" + rest.partition("\n\n")[2]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
