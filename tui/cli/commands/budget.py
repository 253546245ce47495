"""``castoff budget``: what a run may use, how much of it is used, and going on beyond it."""

import time
from pathlib import Path

import click

from agent.budget import hourly_usd, shares
from agent.events import Budget, Judged
from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import Target, open_target
from tui.commands import parse_budget
from tui.drawing.words import cost_of, gauge, rate

_NAMES = {
    "max_usd": "money",
    "max_tokens": "tokens",
    "max_turns": "turns",
    "max_tool_calls": "tool calls",
    "max_minutes": "minutes",
}


@click.command(
    epilog="""\b
Examples:
  castoff budget k3v9
  castoff budget k3v9 --set "$5 60 turns 2 h"
  castoff budget k3v9 --extend
  castoff budget k3v9 --fine
  castoff budget k3v9 --not-fine
"""
)
@run_argument
@click.option("--set", "limits", metavar="LIMITS", help="New limits, counted from now; off for none.")
@click.option("--extend", is_flag=True, help="Grant the same budget once more, and go on where it was used up.")
@click.option("--fine", is_flag=True, help="What the watch found last is fine, here and in the project's later runs.")
@click.option("--not-fine", is_flag=True, help="Take what --fine wrote out of the project's .castoff.toml.")
@async_command
async def budget(out: Output, run: str | None, limits: str | None, extend: bool, fine: bool, not_fine: bool) -> None:
    """Show how much of its budget a session or run has used, set it anew, or let it go on."""
    wanted = _read_limits(limits)
    if (wanted is not None) + extend + fine + not_fine > 1:
        raise click.UsageError("--set, --extend, --fine and --not-fine are one at a time.")
    async with open_target(run) as target:
        if wanted is not None:
            async with target.attach() as viewer:
                await viewer.set_budget(wanted)
        elif extend:
            async with target.attach() as viewer:
                await viewer.extend()
        elif fine:
            await _excuse(out, target)
        elif not_fine:
            await _unlearn(out, target)
        state = await target.read_state()
    _show(out, target, state)


def _read_limits(limits: str | None) -> Budget | None:
    if limits is None:
        return None
    wanted = parse_budget(limits)
    if wanted is None:
        raise click.UsageError('LIMITS are like "$2 30 turns 60 min 400000 tokens 200 calls", or off.')
    return wanted


async def _excuse(out: Output, target: Target) -> None:
    from remote.project_fine import teach_fine

    found = await _last_verdict(target)
    async with target.attach() as viewer:
        await viewer.excuse(found.rule, found.key)
    if target.session is not None and (told := teach_fine(Path(target.session.info.project), found.rule, found.key)):
        out.say(told)


async def _unlearn(out: Output, target: Target) -> None:
    from remote.project import NAME
    from remote.project_fine import remove_fine

    found = await _last_verdict(target)
    matter = f"{found.rule}: {found.key}"
    if target.session is None or not remove_fine(Path(target.session.info.project), matter):
        raise NotHere(f"{matter} is not in the project's {NAME}.", code="not-fine")
    out.say(f"Took {matter} out of the project's {NAME}: later runs stop at it again.")


async def _last_verdict(target: Target) -> Judged:
    found = (await target.read_state()).verdicts[-1:]
    if not found:
        raise NotHere("Nothing was found that would have to be fine.", code="no-verdict")
    return found[0]


def _show(out: Output, target: Target, state: SessionState) -> None:
    now = time.time() if state.turn is not None else state.at
    out.say(f"{target.title}  ({target.session_id}, {target.host})", "bold")
    out.say(" · ".join(text for text in (state.phase, cost_of(state), rate(hourly_usd(state, now))) if text))
    used = shares(state, now)
    for share in used:
        out.say(f"  {_NAMES[share.limit]:<10}  {gauge(share.percent, 20):<26}  {share.used:.10g} of {share.most:.10g}")
    unknown = set(state.budget.model_dump(exclude_none=True)) - {share.limit for share in used}
    for limit in sorted(unknown):
        out.say(f"  {_NAMES[limit]:<10}  not told by this agent so far")
    out.record(
        "budget", {"limits": {s.limit: {"used": s.used, "most": s.most} for s in used}, "unknown": sorted(unknown)}
    )
    out.done(id=target.session_id, phase=state.phase)
