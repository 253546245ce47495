"""``castoff policy``: what is asked for and refused, shown and set."""

from agent.deeds import Rules
from agent.events import PhaseChanged, PolicySet
from tests.tui.cli.conftest import Castoff, MakeSession

RULED = (PolicySet(policy="accept-edits", rules=Rules(ask=("network",), deny=("outside",))), PhaseChanged(phase="idle"))


def test_it_is_shown(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session(RULED)
    ran = castoff("policy", session.id[:6])
    assert ran.status == 0, ran.err
    assert "policy   accept-edits\nask      network\ndeny     outside\n" in ran.out
    record, last = castoff("policy", "--json").records
    assert (record["ask"], record["deny"], last["ok"]) == (["network"], ["outside"], True)
    assert castoff("policy", "--no-rules", "--ask", "run").status == 2
    assert castoff("policy", "--deny", "everything").status == 2


def test_it_is_set_by_the_runner(castoff_process: Castoff, make_session: MakeSession) -> None:
    session = make_session(RULED)
    try:
        record = castoff_process("policy", session.id, "--set", "accept-all", "--json").records[0]
        assert (record["policy"], record["ask"], record["deny"]) == ("accept-all", ["network"], ["outside"])
        record = castoff_process("policy", session.id, "--deny", "run", "--json").records[0]
        assert (record["policy"], record["ask"], record["deny"]) == ("accept-all", [], ["run"])
        record = castoff_process("policy", session.id, "--no-rules", "--json").records[0]
        assert (record["ask"], record["deny"]) == ([], [])
    finally:
        castoff_process("stop", session.id)
