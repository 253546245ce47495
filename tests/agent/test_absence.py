"""What happened while the user was away."""

from agent.absence import Checked, sum_up
from agent.events import (
    AnyEvent,
    DiffContent,
    Judged,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PlanEntry,
    Planned,
    Prompted,
    ToolCalled,
    TurnStarted,
    Used,
)
from agent.fold import advance
from agent.state import SessionState

NO = PermissionOption(option_id="n", name="No", kind="reject_once")


def ran(call: str, line: str, status: str, at: float) -> ToolCalled:
    return ToolCalled.model_validate(
        {"call_id": call, "tool_kind": "execute", "status": status, "raw_input": {"command": line}, "at": at}
    )


def fold(*events: AnyEvent) -> SessionState:
    return advance(SessionState(), [event.model_copy(update={"seq": seq}) for seq, event in enumerate(events, 1)])


EVENTS: tuple[AnyEvent, ...] = (
    Prompted(prompt_id="a", text="Go", at=10),
    TurnStarted(prompt_id="a", at=10),
    Used(cost_usd=1.0, at=11),
    ran("0", "pytest old", "completed", 12),
    Prompted(prompt_id="b", text="Go on", at=20),
    TurnStarted(prompt_id="b", at=21),
    Planned(entries=(PlanEntry(content="x", status="completed"), PlanEntry(content="y")), at=22),
    ran("1", "cd shop && pytest -q", "failed", 30),
    ran("2", "cat pytest.ini", "completed", 31),
    ran("3", "npm test", "failed", 32),
    ran("4", "cd shop && pytest -q", "completed", 33),
    ToolCalled(
        call_id="5",
        tool_kind="edit",
        status="completed",
        content=(DiffContent(path="/p/a", new_text="x"), DiffContent(path="/p/b", new_text="x")),
        at=34,
    ),
    PermissionAsked(request_id="r", call_id="5", options=(NO,), at=35),
    PermissionAnswered(request_id="r", option_id="n", by="policy", at=35),
    PermissionAsked(request_id="open", call_id="5", options=(NO,), at=35),
    Judged(rule="same_call", level="nudge", evidence="Again and again.", at=36),
    Used(cost_usd=1.75, at=40),
)


def test_what_came_since_the_users_last_word_is_summed_up() -> None:
    found = sum_up(fold(*EVENTS))
    assert (found.since, found.turns, found.calls) == (20, 1, 5)
    assert (found.steps_done, found.steps, found.files, found.usd) == (1, 2, ("/p/a", "/p/b"), 0.75)
    assert found.tested == (Checked(command="npm test", ok=False), Checked(command="cd shop && pytest -q", ok=True))
    assert (found.refused, found.verdicts) == (1, ("Again and again.",))
    assert found.eventful


def test_what_the_user_does_begins_it_anew() -> None:
    last = Prompted(prompt_id="c", text="Thanks", at=50)
    found = sum_up(fold(*EVENTS, last))
    assert (found.since, found.calls, found.refused, found.eventful) == (50, 0, 0, False)
    assert sum_up(SessionState()).usd is None
