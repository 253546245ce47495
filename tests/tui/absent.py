"""A run that was alone for two hours: what its digest and its deliveries are shown with."""

from agent.events import (
    AnyEvent,
    DiffContent,
    Judged,
    Notified,
    PermissionAnswered,
    PermissionAsked,
    PermissionOption,
    PhaseChanged,
    PlanEntry,
    Planned,
    Prompted,
    ToolCalled,
    TurnEnded,
    TurnStarted,
    Used,
)
from tests.tui.recorded import AT

_NO = PermissionOption(option_id="n", name="No", kind="reject_once")
_DONE = PlanEntry(content="Read rows with csv.reader", status="completed")
_NEXT = PlanEntry(content="Say so in the manual")


def absent() -> list[AnyEvent]:
    """The run's events; ``at`` in minutes before it was looked at again."""
    events: list[tuple[float, AnyEvent]] = [
        (128, Prompted(prompt_id="a", text="Make quoted commas work, with tests.")),
        (127, TurnStarted(prompt_id="a")),
        (127, Used(cost_usd=0.11)),
        (120, Planned(entries=(_DONE, _DONE.model_copy(update={"content": "Test it"}), _NEXT))),
        (112, _ran("1", "pytest -q tests/test_parse.py", "failed")),
        (109, _told("needs-input", 9)),
        (108, _edited("2", "parser/rows.py")),
        (96, Used(cost_usd=0.74)),
        (95, _ran("3", "pytest -q tests/test_parse.py", "completed")),
        (80, PermissionAsked(request_id="q", call_id="3", options=(_NO,))),
        (80, PermissionAnswered(request_id="q", option_id="n", by="policy")),
        (71, _told("budget", 14, ok=False, detail="The service did not answer within 20 seconds.")),
        (70, _told("budget", 14)),
        (52, _edited("4", "tests/test_parse.py")),
        (41, Judged(rule="same_error", level="nudge", evidence="The same error came 3 times: No module named yaml.")),
        (40, _told("drift", 17)),
        (31, _ran("5", "npm test", "failed")),
        (22, Used(cost_usd=1.62)),
        (20, TurnEnded(prompt_id="a", stop_reason="end_turn")),
        (20, PhaseChanged(phase="finished")),
        (20, _told("finished", 22)),
    ]
    return [
        event.model_copy(update={"seq": seq, "epoch": 2, "at": AT - minutes * 60})
        for seq, (minutes, event) in enumerate(events, 1)
    ]


def _ran(call: str, command: str, status: str) -> ToolCalled:
    given = {"call_id": call, "title": command, "tool_kind": "execute", "status": status}
    return ToolCalled.model_validate({**given, "raw_input": {"command": command}})


def _edited(call: str, path: str) -> ToolCalled:
    diff = DiffContent(path=path, new_text="import csv\n")
    return ToolCalled(call_id=call, title=path, tool_kind="edit", status="completed", content=(diff,))


def _told(about: str, seq: int, *, ok: bool = True, detail: str = "") -> Notified:
    channel = "ntfy://push.example.org (f3k9qa)"
    return Notified(notification_id=f"k3v7q2m9x4ab-{seq}", about=about, channel=channel, ok=ok, detail=detail)
