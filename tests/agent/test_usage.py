"""Agents count differently; the session's totals are the same thing for all and never go down."""

from typing import Any

import pytest
from acp import schema

from agent.events import Used
from agent.profiles import Usage as Counting
from agent.profiles import load_profile
from agent.state import Usage
from agent.usage import CallUsed, Meter

BEFORE = Usage(input_tokens=100, output_tokens=10, cost_usd=1.0)


def reply(tokens_in: int, tokens_out: int) -> schema.PromptResponse:
    usage = schema.Usage(input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=tokens_in + tokens_out)
    return schema.PromptResponse(stop_reason="end_turn", usage=usage)


@pytest.mark.parametrize(
    ("counting", "totals"),
    [
        ("turn", [(105, 12), (112, 15)]),
        ("process", [(105, 12), (107, 13)]),
        ("session", [(100, 10), (100, 10)]),
    ],
)
def test_tokens(counting: Counting, totals: list[tuple[int, int]]) -> None:
    meter = Meter(counting, BEFORE)
    read = [meter.read_reply(reply(5, 2)), meter.read_reply(reply(7, 3))]
    assert [(used.input_tokens, used.output_tokens) for used in read if used] == totals


def test_tokens_of_the_session_are_its_totals() -> None:
    meter = Meter("session", BEFORE)
    assert meter.read_reply(reply(150, 20)) == Used(input_tokens=150, output_tokens=20)
    assert meter.read_reply(reply(140, 25)) == Used(input_tokens=150, output_tokens=25)


@pytest.mark.parametrize("counting", ["none", "context"])
def test_tokens_that_mean_nothing(counting: Counting) -> None:
    assert Meter(counting, BEFORE).read_reply(reply(5, 2)) is None


def test_a_reply_that_says_nothing() -> None:
    assert Meter("turn", BEFORE).read_reply(schema.PromptResponse(stop_reason="end_turn")) is None


@pytest.mark.parametrize(
    ("counting", "cost"), [("turn", 0.25), ("process", 1.25), ("session", 0.25), ("context", None)]
)
def test_cost(counting: Counting, cost: float | None) -> None:
    read = Meter(counting, BEFORE).read_update(Used(cost_usd=0.25, context_used=7, context_size=9))
    assert read == Used(cost_usd=cost, context_used=7, context_size=9)


def test_cost_may_count_something_else_than_tokens() -> None:
    meter = Meter("turn", BEFORE, "process")
    assert meter.read_update(Used(cost_usd=0.25)).cost_usd == 1.25
    used = meter.read_reply(reply(5, 2))
    assert used is not None
    assert (used.input_tokens, used.output_tokens) == (105, 12)
    assert Meter("turn", BEFORE, "context").read_update(Used(cost_usd=0.25)).cost_usd is None


def test_calls_add_up_where_an_agent_counts_each() -> None:
    meter = Meter("call", BEFORE)
    read = [meter.read_call(CallUsed(5, 2)), meter.read_call(CallUsed(7, 1))]
    assert [(used.input_tokens, used.output_tokens) for used in read if used] == [(105, 12), (112, 13)]
    assert meter.read_reply(reply(1, 1)) is None
    assert meter.end_turn() == Used(unpriced=True)
    assert Meter("turn", BEFORE).read_call(CallUsed(5, 2)) is None


@pytest.mark.parametrize(
    ("meta", "tokens"),
    [
        ({"quota": {"token_count": {"input_tokens": 5, "output_tokens": 2}}}, (105, 12)),
        ({"quota": {"token_count": {"input_tokens": -5, "output_tokens": 2}}}, None),
        ({"quota": "none"}, None),
        (None, None),
    ],
)
def test_tokens_of_a_turn_beside_the_reply(meta: dict[str, Any] | None, tokens: tuple[int, int] | None) -> None:
    used = Meter("turn", BEFORE).read_reply(schema.PromptResponse(stop_reason="end_turn", field_meta=meta))
    assert (used and (used.input_tokens, used.output_tokens)) == tokens


def test_cost_that_is_unknown_stays_unknown() -> None:
    assert Meter("process", BEFORE).read_update(Used(context_used=7)).cost_usd is None


def test_a_cost_that_is_told_at_the_end_of_the_turn_is_known() -> None:
    meter = Meter("process", BEFORE)
    meter.read_update(Used(context_used=7))
    meter.read_update(Used(context_used=8, cost_usd=0.25))
    meter.read_reply(reply(5, 2))
    assert meter.end_turn() is None


@pytest.mark.parametrize("update", [Used(context_used=7), None])
def test_a_turn_whose_cost_is_not_told_is_never_free(update: Used | None) -> None:
    meter = Meter("process", BEFORE)
    meter.read_update(Used(cost_usd=0.25))
    assert meter.end_turn() is None
    if update is not None:
        meter.read_update(update)
    else:
        meter.read_reply(reply(5, 2))
    assert meter.end_turn() == Used(unpriced=True)
    assert meter.end_turn() is None


def test_what_an_earlier_process_did_not_price_stays_unpriced() -> None:
    before = BEFORE.model_copy(update={"unpriced": True})
    assert Meter("process", before).read_update(Used(cost_usd=0.25)) == Used(cost_usd=1.25, unpriced=True)


def test_running_totals_are_not_counted_again_with_the_reply() -> None:
    meter = Meter("turn", BEFORE)
    totals = Used(input_tokens=120, output_tokens=15, cost_usd=0.5)
    assert meter.read_update(totals) == totals
    assert meter.read_reply(reply(20, 5)) is None


def test_the_first_process_counts_from_nothing() -> None:
    assert Meter("process", Usage()).read_update(Used(cost_usd=0.25)).cost_usd == 0.25
    assert Meter("turn", Usage()).read_reply(reply(5, 2)) == Used(input_tokens=5, output_tokens=2)


def test_the_builtin_agent_reports_tokens_of_the_turn() -> None:
    assert load_profile("builtin").usage == "turn"
