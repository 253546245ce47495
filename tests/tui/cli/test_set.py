"""``castoff set``: what there is to choose, and choosing it through the runner."""

import pytest

from agent.events import AgentStarted, Chosen, Offered
from agent.knobs import Choice, Knob
from tests.tui.cli.conftest import Castoff, MakeSession

MODE = Knob(
    id="mode",
    name="Mode",
    value="plan",
    choices=(Choice(value="plan", name="Plan\x1b[2J", needs="ask"), Choice(value="yolo", name="y", needs="accept-all")),
)
STARTED = AgentStarted(agent="claude", agent_session_id="s", resumed="new")


def test_what_there_is_to_choose(castoff: Castoff, make_session: MakeSession) -> None:
    session = make_session((STARTED, Offered(knobs=(MODE,)), Chosen(knob="mode", value="plan")))
    ran = castoff("set", session.id[:6])
    assert ran.status == 0, ran.err
    assert "mode  Plan" in ran.out and "(chosen)" in ran.out and "\x1b[2J" not in ran.out
    assert "    yolo  y  (needs the policy accept-all)" in ran.out and "  > plan" in ran.out
    record, last = castoff("set", "--json").records
    assert (record["agent"], record["policy"], record["knobs"][0]["chosen"]) == ("claude", "ask", True)
    assert last["ok"]


@pytest.mark.parametrize("option", ["effort", "=high", "effort="])
def test_an_option_without_a_value_is_none(castoff: Castoff, make_session: MakeSession, option: str) -> None:
    make_session((STARTED,))
    assert castoff("set", "--option", option).status == 2


def test_a_mode_is_chosen_by_the_runner_as_far_as_the_policy_allows(
    castoff_process: Castoff, make_session: MakeSession
) -> None:
    session = make_session()
    try:
        ran = castoff_process("set", session.id, "--mode", "accept-all", "--json")
        assert (ran.status, ran.records[-1]["code"]) == (1, "mode-loose"), ran.err
        ran = castoff_process("set", session.id, "--mode", "Ask", "--json")
        assert [(k["id"], k["value"], k["chosen"]) for k in ran.records[0]["knobs"]] == [("mode", "ask", True)]
    finally:
        castoff_process("stop", session.id)
