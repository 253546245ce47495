"""The budget: boundary values, what it counts from, and that an unknown price is never free."""

import pytest

from agent.budget import BudgetTime, find_limit, find_marks, hourly_usd, most_used, spent_usd, unmeasured
from agent.events import AnyEvent, Budget, BudgetSet, BudgetTimed, PhaseChanged, Used
from agent.fold import advance
from agent.state import SessionState, Usage


def state(
    budget: Budget,
    *,
    cost: float | None = None,
    base: float | None = None,
    turns: int = 0,
    before: int = 0,
    unpriced: bool = False,
) -> SessionState:
    return SessionState(
        budget=budget,
        usage=Usage(cost_usd=cost, unpriced=unpriced),
        budget_base=Usage(cost_usd=base),
        turns=turns,
        budget_turns=before,
        budget_at=1000.0,
    )


def test_without_limits_there_is_none() -> None:
    assert find_limit(state(Budget(), cost=1e9, turns=10**6), 1e12) is None


@pytest.mark.parametrize(("cost", "reached"), [(1.49, False), (1.5, True), (1.51, True)])
def test_dollars_since_the_budget_was_set(cost: float, reached: bool) -> None:
    spent = state(Budget(max_usd=1.0), cost=cost, base=0.5)
    assert (find_limit(spent, 1000.0) is not None) == reached
    assert spent_usd(spent) == pytest.approx(cost - 0.5)  # pyright: ignore[reportUnknownMemberType]


def test_a_budget_of_nothing_is_used_up_at_once() -> None:
    assert find_limit(state(Budget(max_usd=0), cost=0.0), 1000.0) is not None
    assert find_limit(state(Budget(max_turns=0)), 1000.0) is not None
    assert find_limit(state(Budget(max_minutes=0)), 1000.0) is not None


@pytest.mark.parametrize(("turns", "reached"), [(4, False), (5, True), (6, True)])
def test_turns(turns: int, reached: bool) -> None:
    assert (find_limit(state(Budget(max_turns=2), turns=turns, before=3), 1000.0) is not None) == reached


def test_the_last_turn_may_run_to_its_end() -> None:
    running = state(Budget(max_turns=2), turns=2).model_copy(update={"turn": "p"})
    assert find_limit(running, 1000.0) is None


@pytest.mark.parametrize(("now", "reached"), [(1089.9, False), (1090.0, True), (2000.0, True)])
def test_minutes(now: float, reached: bool) -> None:
    assert (find_limit(state(Budget(max_minutes=1.5)), now) is not None) == reached


@pytest.mark.parametrize(
    ("used_up", "sentence"),
    [
        (state(Budget(max_usd=0.002), cost=0.0025), "The budget of $0.0020 is used up ($0.0025 spent)."),
        (state(Budget(max_usd=2), cost=2.5), "The budget of $2.00 is used up ($2.50 spent)."),
        (state(Budget(max_turns=1), turns=1), "The budget of 1 turn is used up."),
        (state(Budget(max_minutes=0.5)), "The budget of 0.5 minutes is used up."),
    ],
)
def test_sentences(used_up: SessionState, sentence: str) -> None:
    assert find_limit(used_up, 1e6) == sentence


def test_an_unknown_price_is_never_free() -> None:
    unknown = state(Budget(max_usd=1.0), turns=1)
    assert find_limit(unknown, 1000.0) is None
    assert spent_usd(unknown) is None
    assert "Cost unknown" in (unmeasured(unknown) or "")


def test_a_price_that_is_unknown_midway_is_never_free() -> None:
    partly = state(Budget(max_usd=1.0), cost=0.5, turns=1, unpriced=True)
    assert find_limit(partly, 1000.0) is None
    assert "Cost unknown for part" in (unmeasured(partly) or "")
    assert find_limit(state(Budget(max_usd=1.0), cost=1.0, turns=1, unpriced=True), 1000.0) is not None


def test_without_a_limit_in_dollars_all_is_counted() -> None:
    assert spent_usd(state(Budget(max_turns=1), cost=1.5, base=0.5)) == 1.5


def test_nothing_is_unmeasured_before_a_turn_without_a_limit_or_with_a_known_cost() -> None:
    assert unmeasured(state(Budget(max_usd=1.0))) is None
    assert unmeasured(state(Budget(max_turns=1), turns=1)) is None
    assert unmeasured(state(Budget(max_usd=1.0), cost=0.0, turns=1)) is None


def test_a_cost_that_becomes_known_later_counts_whole() -> None:
    assert find_limit(state(Budget(max_usd=1.0), cost=1.0, base=None, turns=5, before=3), 1000.0) is not None


@pytest.mark.parametrize("step", [2 * 3600.0, -2 * 3600.0, 3600.0, -3600.0])
def test_setting_the_clock_neither_uses_up_minutes_nor_gives_more(step: float) -> None:
    """Two hours either way, and the hour of summer time where a machine keeps local time."""
    wall, steady = [1000.0], [50.0]
    time, limited = BudgetTime(lambda: wall[0], lambda: steady[0]), state(Budget(max_minutes=30))
    assert find_limit(limited, time.now(limited)) is None
    wall[0] += step
    steady[0] += 29 * 60
    assert find_limit(limited, time.now(limited)) is None
    steady[0] += 60
    assert find_limit(limited, time.now(limited)) == "The budget of 30 minutes is used up."
    again = limited.model_copy(update={"budget_at": wall[0], "at": wall[0]})
    assert find_limit(again, time.now(again)) is None, "a new budget counts anew"


def test_minutes_that_passed_before_the_runner_started_count() -> None:
    limited = state(Budget(max_minutes=30)).model_copy(update={"at": 1000.0 + 20 * 60})
    for wall, used in ((1000.0 + 25 * 60, 25), (1000.0 - 7200, 20)):
        time = BudgetTime(lambda wall=wall: wall, lambda: 7.0)
        assert time.now(limited) == 1000.0 + used * 60, "by the clock, and by the journal where the clock was put back"


@pytest.mark.parametrize("skew", [7200.0, -7200.0, 0.0])
def test_minutes_are_never_counted_between_the_clocks_of_two_machines(skew: float) -> None:
    """Out to a host whose clock is wrong by ``skew``, and home again."""

    def at(epoch: int, seq: int, time: float, event: AnyEvent) -> AnyEvent:
        return event.model_copy(update={"epoch": epoch, "seq": seq, "at": time})

    idle = PhaseChanged(phase="idle")
    events = [
        at(1, 1, 1000.0, BudgetSet(budget=Budget(max_minutes=30))),
        at(1, 2, 1000.0 + 10 * 60, idle),
        at(2, 3, 1000.0 + 11 * 60 + skew, idle),
        at(2, 4, 1000.0 + 21 * 60 + skew, idle),
        at(3, 5, 1000.0 + 22 * 60, idle),
    ]
    for here, left in ((2, 20), (4, 10), (5, 10)):
        state = advance(SessionState(), events[:here])
        wall, steady = [state.at], [50.0]
        time = BudgetTime(lambda wall=wall: wall[0], lambda steady=steady: steady[0])
        assert find_limit(state, time.now(state)) is None
        steady[0] += left * 60 - 1
        assert find_limit(state, time.now(state)) is None, "no time was taken away"
        steady[0] += 1
        assert find_limit(state, time.now(state)) is not None, "none was given"


def test_tokens_and_tool_calls() -> None:
    limited = SessionState(budget=Budget(max_tokens=100), budget_base=Usage(input_tokens=50), turns=1)
    spent = limited.model_copy(update={"usage": Usage(input_tokens=120, output_tokens=29)})
    assert find_limit(spent, 0.0) is None
    spent = limited.model_copy(update={"usage": Usage(input_tokens=120, output_tokens=30)})
    assert find_limit(spent, 0.0) == "The budget of 100 tokens is used up."
    assert find_limit(limited, 0.0) is None and "Tokens unknown" in (unmeasured(limited) or "")
    calls = SessionState(budget=Budget(max_tool_calls=3), tool_calls=5, budget_calls=2)
    assert find_limit(calls, 0.0) == "The budget of 3 tool calls is used up."
    assert find_limit(calls.model_copy(update={"running": ("c",)}), 0.0) is None, "the last call may end"
    assert find_limit(calls.model_copy(update={"running": ("c",), "tool_calls": 6}), 0.0) is not None


def test_marks_are_told_once_each_and_only_the_highest() -> None:
    events: list[AnyEvent] = [BudgetSet(budget=Budget(max_usd=1.0))]
    told: list[int] = []
    for cents in range(1, 100):
        events.append(Used(cost_usd=cents / 100))
        state = advance(SessionState(), [e.model_copy(update={"seq": n + 1}) for n, e in enumerate(events)])
        marks = find_marks(state, 0.0)
        told += [mark.share for mark in marks]
        events += marks
    assert told == [50, 80, 95]
    assert [mark.share for mark in find_marks(state_of(0.96), 0.0)] == [95]
    assert find_marks(state_of(1.0), 0.0) == ()


def state_of(cost: float) -> SessionState:
    return state(Budget(max_usd=1.0), cost=cost)


def test_the_time_really_used_is_what_counts_after_a_drain() -> None:
    """The wall clock jumped by two hours while the runner lived; the move's own minutes count for nothing."""
    events: list[AnyEvent] = [
        BudgetSet(budget=Budget(max_minutes=30), seq=1, at=1000.0, epoch=1),
        PhaseChanged(phase="working", seq=2, at=1000.0 + 7200 + 600, epoch=1),
        BudgetTimed(seconds=600.0, seq=3, at=1000.0 + 7200 + 600, epoch=1),
        PhaseChanged(phase="idle", seq=4, at=90_000.0, epoch=2),
    ]
    for count in (3, 4):
        after = advance(SessionState(), events[:count])
        assert after.at - after.budget_at == 600.0


def test_money_an_hour() -> None:
    spent = state(Budget(max_usd=9.0), cost=2.0, base=0.5).model_copy(update={"at": 1000.0 + 1800, "turn": "p"})
    assert hourly_usd(spent, 1000.0 + 3600) == pytest.approx(1.5)  # pyright: ignore[reportUnknownMemberType]
    rests = spent.model_copy(update={"turn": None})
    assert hourly_usd(rests, 1000.0 + 36000) == pytest.approx(3.0)  # pyright: ignore[reportUnknownMemberType]
    assert hourly_usd(spent, 1000.0 + 59) is None, "a moment says nothing"
    assert hourly_usd(state(Budget(max_turns=1)), 1e6) is None, "unknown is not nothing"


def test_the_limit_of_which_most_is_used() -> None:
    assert most_used(state(Budget(), cost=5.0), 1000.0) is None
    assert most_used(state(Budget(max_usd=4.0, max_turns=10), cost=1.0, turns=5), 1000.0) == 50
