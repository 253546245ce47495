"""``castoff budget``: what is used, new limits, one more budget, and what is fine."""

from pathlib import Path

from agent.events import Budget, BudgetSet, Judged, PhaseChanged, Prompted, ToolCalled, TurnEnded, TurnStarted, Used
from tests.tui.cli.conftest import Castoff, MakeSession

USED_UP = (
    BudgetSet(budget=Budget(max_usd=2.0, max_turns=4, max_tokens=1000)),
    Prompted(prompt_id="p", text="Go"),
    TurnStarted(prompt_id="p"),
    ToolCalled(call_id="c", status="completed"),
    Used(cost_usd=1.5),
    TurnEnded(prompt_id="p", stop_reason="end_turn"),
    PhaseChanged(phase="finished"),
)


def test_what_is_used_and_what_is_unknown(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session(USED_UP)
    ran = castoff("budget", session.id[:6])
    assert ran.status == 0, ran.err
    assert "$1.50 of $2.00" in ran.out and "75 %" in ran.out and "1 of 4" in ran.out
    assert "tokens      not told" in ran.out
    record, last = castoff("budget", "--json").records
    assert record["limits"]["max_usd"] == {"used": 1.5, "most": 2.0} and record["unknown"] == ["max_tokens"]
    assert last["ok"]


def test_one_thing_at_a_time_and_limits_that_are_none(castoff: Castoff, make_session: MakeSession) -> None:
    make_session(USED_UP)
    assert castoff("budget", "--extend", "--fine").status == 2
    ran = castoff("budget", "--set", "a lot")
    assert ran.status == 2 and "LIMITS are like" in ran.err


def test_nothing_was_found_that_would_be_fine(castoff: Castoff, make_session: MakeSession) -> None:
    make_session(USED_UP)
    assert castoff("budget", "--fine", "--json").records[-1]["code"] == "no-verdict"


def test_limits_are_set_extended_and_verdicts_excused_by_the_runner(
    castoff_process: Castoff, castoff: Castoff, make_session: MakeSession
) -> None:
    session = make_session((*USED_UP, Judged(rule="same_call", level="pause", key="make", evidence="Again.")))
    try:
        ran = castoff_process("budget", session.id, "--set", "$3 60 turns")
        assert ran.status == 0 and "$0.00 of $3.00" in ran.out, ran.err
        ran = castoff_process("budget", session.id, "--extend", "--json")
        assert ran.records[0]["limits"]["max_turns"] == {"used": 0.0, "most": 60.0}
        ran = castoff_process("budget", session.id, "--fine")
        assert ran.status == 0 and "Wrote same_call: make into the project's .castoff.toml" in ran.out
        assert "same_call: make" in castoff("show", session.id, "--json").records[0]["excused"]
        file = Path(session.info.project) / ".castoff.toml"
        assert 'fine = ["same_call: make"]' in file.read_text()
        assert "later runs stop at it again" in castoff("budget", session.id, "--not-fine").out
        assert "same_call" not in file.read_text()
        assert castoff("budget", session.id, "--not-fine", "--json").records[-1]["code"] == "not-fine"
    finally:
        castoff_process("stop", session.id)
