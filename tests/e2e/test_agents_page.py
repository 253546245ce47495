"""docs/agents.md says what `make test-agents` saw, of each agent that a profile is shipped for, in its version."""

from pathlib import Path

import pytest

from agent.profiles import list_profiles, load_profile
from tests.e2e.agents_page import PAGE, proofs, table
from tests.real_agents import AGENTS


def test_the_table_is_what_was_seen() -> None:
    assert table() in PAGE.read_text("utf-8"), "make docs writes it anew"


@pytest.mark.usefixtures("no_own_profiles")
def test_every_shipped_agent_is_tested() -> None:
    assert {profile.name for profile in list_profiles()} == {"builtin", *AGENTS}


@pytest.fixture
def no_own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASTOFF_CONFIG", str(tmp_path))


@pytest.mark.parametrize("name", sorted(AGENTS))
def test_what_was_seen_is_what_the_profile_says(name: str) -> None:
    """After a change of the profile, `make test-agents` sees it anew."""
    profile, seen = load_profile(name, Path("/nonexistent")), proofs(name)
    assert set(seen) == {"journey", "killed", "full"}
    for proof in seen.values():
        assert proof.version == profile.version_hint
        assert set(proof.modes) == set(profile.modes.values())
        assert proof.starts[0] == "new here"
        assert {start.split()[0] for start in proof.starts[1:]} == {profile.resume[0]}
    journey = seen["journey"]
    assert journey.starts[1:] == (f"{profile.resume[0]} there", f"{profile.resume[0]} here")
    assert journey.tokens == (profile.usage not in ("none", "context"))
    assert journey.cost == ((profile.cost or profile.usage) in ("process", "session"))
