"""Gates: where a run is to stop, once each."""

from agent.blocks import ToolBlock
from agent.drift import Drift, follow
from agent.events import (
    AnyEvent,
    DiffContent,
    Judged,
    PermissionAnswered,
    PermissionAsked,
    PhaseChanged,
    PlanEntry,
    Planned,
    ToolCalled,
    WatchSet,
)
from agent.fold import advance
from agent.gates import asks_first
from agent.state import SessionState
from agent.watch import Watch

ROOT = "/home/dev/shop"


def judge(*events: AnyEvent) -> list[tuple[str, str, str]]:
    drift, state, number = Drift(ROOT), SessionState(), 0
    found: list[Judged] = []
    for event in events:
        pending: list[AnyEvent] = [event]
        while pending:
            number += 1
            stamped = pending.pop(0).model_copy(update={"seq": number, "at": 1000.0 + number, "epoch": 1})
            state = advance(state, (stamped,))
            drift, verdicts = follow(drift, stamped, state)
            found += verdicts
            pending += verdicts
    return [(verdict.rule, verdict.key, verdict.level) for verdict in found]


def plan(*done: bool) -> Planned:
    return Planned(entries=tuple(PlanEntry(content="Step", status="completed" if each else "pending") for each in done))


def edit(call_id: str, path: str, lines: int) -> ToolCalled:
    diff = DiffContent(path=path, new_text="".join(f"{call_id} {n}\n" for n in range(lines)))
    return ToolCalled(call_id=call_id, tool_kind="edit", status="completed", content=(diff,))


def run(status: str, command: str = "git push --force") -> ToolCalled:
    return ToolCalled.model_validate(
        {"call_id": "c", "tool_kind": "execute", "status": status, "raw_input": {"command": command}}
    )


def test_before_a_step_of_the_plan_once() -> None:
    gate = WatchSet(watch=Watch(before_steps=(3,)))
    assert judge(gate, plan(True, False, False)) == []
    stop = ("before_steps", "3", "pause")
    assert judge(gate, plan(True, True, False)) == [stop]
    paused = PhaseChanged(phase="paused")
    assert judge(gate, plan(True, True, False), paused, plan(True, True, False), plan(True, True, True)) == [stop]


def test_at_so_many_changed_lines_and_each_multiple() -> None:
    gate = WatchSet(watch=Watch(diff_lines=10))
    assert judge(gate, edit("a", "a.py", 9)) == []
    found = judge(gate, edit("a", "a.py", 9), edit("b", "b.py", 1), edit("c", "c.py", 9), edit("d", "d.py", 1))
    assert found == [("diff_lines", "10", "pause"), ("diff_lines", "20", "pause")]


def test_at_a_path() -> None:
    gate = WatchSet(watch=Watch(touching=("deploy/*", "*.sql")))
    found = judge(
        gate, edit("a", f"{ROOT}/src/a.py", 1), edit("b", f"{ROOT}/deploy/prod.yml", 1), edit("c", "x/y.sql", 1)
    )
    assert found == [("touching", "deploy/prod.yml", "pause"), ("touching", "x/y.sql", "pause")]


def test_a_command_that_nobody_asked_for() -> None:
    gate = WatchSet(watch=Watch(commands=("git push*", "terraform apply")))
    stop = ("commands", "git push --force", "pause")
    assert judge(gate, run("in_progress")) == [stop]
    assert judge(gate, run("in_progress", "git status")) == []
    asked = PermissionAsked(request_id="q", call_id="c", options=())
    assert judge(gate, run("pending"), asked, run("in_progress")) == []
    allowed = PermissionAnswered(request_id="q", option_id="yes", by="user")
    assert judge(gate, run("pending"), asked, allowed, run("in_progress"), run("completed")) == []


def test_a_gated_command_is_never_answered_by_the_policy() -> None:
    state = SessionState(watch=Watch(commands=("git push*",)))
    for command, asks in (("cd x && git push origin", True), ("git pull", False)):
        block = ToolBlock(seq=1, at=1.0, call_id="c", tool_kind="execute", raw_input={"command": command})
        assert asks_first(state, block) == asks
