"""What agents offer becomes knobs, and choices are folded: pure."""

import pytest

from agent.errors import CommandRefused
from agent.events import AgentStarted, AnyEvent, Chosen, Offered
from agent.fold import advance
from agent.knobs import Choice, Knob, pick_choice
from agent.offering import Offering
from agent.policy import allows_mode
from agent.state import SessionState

MODEL = Knob(
    id="model",
    name="Model",
    value="a",
    choices=(Choice(value="a", name="Opus 5"), Choice(value="b", name="Opus 4"), Choice(value="opus", name="Haiku")),
)


def fold(*events: AnyEvent) -> SessionState:
    return advance(SessionState(), [e.model_copy(update={"seq": n, "at": float(n)}) for n, e in enumerate(events, 1)])


def started(agent: str) -> AgentStarted:
    return AgentStarted(agent=agent, agent_session_id="s", resumed="new")


@pytest.mark.parametrize(
    ("said", "value"), [("a", "a"), ("opus 4", "b"), ("opus", "opus"), ("5", "a"), ("HAIKU", "opus")]
)
def test_a_choice_is_meant_by_id_name_or_a_part(said: str, value: str) -> None:
    assert pick_choice((MODEL,), "model", said, "It").value == value


@pytest.mark.parametrize("said", ["", "pus", "c"])
def test_what_could_be_several_or_none_is_refused(said: str) -> None:
    with pytest.raises(CommandRefused, match="there are: a, b, opus"):
        pick_choice((MODEL,), "model", said, "It")


def test_a_choice_is_kept_until_it_is_left_or_the_agent_is_another() -> None:
    chosen = (started("x"), Offered(knobs=(MODEL,)), Chosen(knob="model", value="b"))
    state = fold(*chosen)
    assert (state.knobs[0].value, state.chosen, state.human_at) == ("b", (("model", "b"),), 3.0)
    assert fold(*chosen, started("x")).chosen == (("model", "b"),)
    assert fold(*chosen, started("y")).chosen == () == fold(*chosen, started("y")).knobs
    left = fold(*chosen, Chosen(knob="model", value="", by="castoff"))
    assert (left.chosen, left.human_at) == ((), 3.0)


def test_options_say_the_mode_of_an_agent_that_has_both() -> None:
    modes = {"currentModeId": "a", "availableModes": [{"id": "a", "name": "A"}, {"id": "b", "name": "B"}]}
    option = {"id": "m", "name": "Mode", "category": "mode", "type": "select", "currentValue": "b"}
    option |= {"options": [{"group": "g", "name": "G", "options": [{"value": "b", "name": "B"}]}]}
    offering = Offering().answered({"result": {"modes": modes, "configOptions": [option]}})
    assert [(knob.id, knob.value, len(knob.choices)) for knob in offering.knobs] == [("mode", "b", 2)]
    assert offering.find_way("mode") == ("set_mode", "")
    alone = Offering().answered({"result": {"configOptions": [option]}})
    assert alone.find_way("mode") == ("select", "m") and alone.knobs[0].choices[0].value == "b"


@pytest.mark.parametrize(
    "message",
    [
        {"result": None},
        {"result": {"models": 1, "modes": "x", "configOptions": {}}},
        {"result": {"models": {"currentModelId": "a", "availableModels": []}, "modes": {"currentModeId": "a"}}},
        {"result": {"configOptions": [{"id": "x"}, {"id": "y", "name": "Y", "type": "boolean", "currentValue": True}]}},
        {"error": {"code": 1}},
    ],
)
def test_what_is_no_offer_is_none(message: dict[str, object]) -> None:
    assert Offering().answered(message).knobs == ()


def test_a_policy_allows_modes_up_to_its_own_looseness() -> None:
    assert allows_mode("ask", "ask") and allows_mode("accept-all", "accept-edits")
    assert not allows_mode("ask", "accept-edits") and not allows_mode("accept-edits", "accept-all")
    assert not allows_mode("accept-all", None)
