"""``castoff show``: where a run stands."""

import time
from typing import TYPE_CHECKING

import click

from agent.absence import sum_up
from agent.blocks import PermissionBlock, TextBlock, ToolBlock
from agent.sanitise import clean
from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.step_view import describe_losses, describe_notes
from tui.cli.target import HERE, Target, open_target
from tui.drawing.absence import draw_absence
from tui.drawing.timeline import draw_timeline
from tui.drawing.words import cost_of, count, size, turns

if TYPE_CHECKING:
    from remote.receipt import Receipt

_MARKS = {"completed": "x", "in_progress": ">", "pending": " "}


@click.command(
    epilog="""\b
Examples:
  castoff show
  castoff show k3v9 --json | jq .phase
"""
)
@run_argument
@async_command
async def show(out: Output, run: str | None) -> None:
    """Show where a session or run stands: phase, plan, open questions, cost, the agent's last words.

    On the machine that it left from, also what it left behind there at its last handoff.
    """
    async with open_target(run) as target:
        state = await target.read_state()
        receipt = _read_receipt(target)
    _show(out, target, state)
    if receipt is not None:
        out.say(f"\nHanded off to {receipt.host}: {count(receipt.files, 'file')}, {size(receipt.size)}")
        out.say("\n".join([*describe_losses(receipt.stays), *describe_notes(receipt.notes)]))
    out.record(
        "session",
        {"id": target.session_id, "title": target.title, "host": target.host}
        | state.model_dump(mode="json", exclude={"blocks", "questions"})
        | {"absence": sum_up(state).model_dump(mode="json")}
        | {"questions": _questions(state), "last_text": _last_text(state)}
        | {"receipt": receipt.model_dump(mode="json") if receipt is not None else None},
    )


def _read_receipt(target: Target) -> "Receipt | None":
    """What the last handoff from this machine kept, if there was one. Raises `agent.errors.RecordDamaged`."""
    if target.session is None:
        return None
    from remote.receipt import read_last_receipt

    return read_last_receipt(target.session)


def _show(out: Output, target: Target, state: SessionState) -> None:
    out.say(f"{target.title}  ({target.session_id}, {target.host})", "bold")
    out.say(f"{state.phase}{'. ' if state.detail else ''}{state.detail}")
    spent = cost_of(state)
    agent = f"agent {state.agent or '-'} {state.agent_version}".rstrip()
    agent += " (lossy: it began anew from a brief)" if state.lossy else ""
    agent += "".join(f" · {knob.id} {clean(knob.shown, single_line=True)}" for knob in state.knobs)
    out.say(f"{agent} · policy {state.policy} · {turns(state)} · {spent}")
    for row in draw_timeline(state, time.time() if state.turn is not None else state.at, 80):
        out.say(f"  {row.plain}".rstrip())
    if target.host != HERE:
        for row in draw_absence(sum_up(state), state.at, 80):
            out.say(f"  {row.plain}".rstrip())
    for entry in state.plan:
        out.say(f"  [{_MARKS[entry.status]}] {clean(entry.content, single_line=True)}")
    for question in state.questions:
        out.say(f"? {clean(_title(state, question), single_line=True)}", "bold yellow")
        for option in question.options:
            # Neither may pass for another line, such as an option that was never offered.
            words = clean(f"{option.option_id}   ({option.name})", single_line=True)
            out.say(f"    castoff answer {target.session_id} {words}")
    if text := _last_text(state):
        out.say("\n" + text)


def _questions(state: SessionState) -> list[dict[str, object]]:
    """Open questions, as JSON has them."""
    return [
        {
            "request_id": question.request_id,
            "title": _title(state, question),
            "options": [option.model_dump(mode="json") for option in question.options],
        }
        for question in state.questions
    ]


def _title(state: SessionState, question: PermissionBlock) -> str:
    """The title of the tool call that the question is about."""
    calls = (block for block in state.blocks if isinstance(block, ToolBlock) and block.call_id == question.call_id)
    return next((block.title for block in calls), "") or "The agent asks for leave."


def _last_text(state: SessionState) -> str:
    return next((block.text for block in reversed(state.blocks) if isinstance(block, TextBlock)), "")
