"""``castoff recover``: settle moves that were cut."""

import time

import click

from agent.paths import state_dir
from remote.run import Known, Recovered
from tui.cli.edge import async_command
from tui.cli.errors import Unsettled
from tui.cli.names import complete_session
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.drawing.words import PHASES, ago, count


@click.command(
    epilog="""\b
Examples:
  castoff recover
  castoff recover k3v9 --json
"""
)
@click.argument("session", required=False, shell_complete=complete_session)
@async_command
async def recover(out: Output, session: str | None) -> None:
    """Settle the moves of SESSION, or of all sessions, that were cut: both sides are asked who holds it.

    A handoff whose answer was lost: the session is on the host, or here again. A pull that was cut: it is finished if
    it had begun to change the tree here, else the run goes on. castoff does the same by itself whenever it starts.
    What cannot be settled, because its host does not answer, stays as it is; the exit status is 1 then.
    """
    from agent.sessions import find_session
    from remote.recovery import recover as settle

    only = find_session(state_dir(), session).id if session is not None else ""
    told: list[Recovered] = []
    async with open_links() as links:
        async for each in settle(links, only):
            told.append(each)
            _show(out, each)
    unsettled = sum(not each.settled for each in told)
    if unsettled:
        raise Unsettled(f"{count(unsettled, 'session')} could not be settled.", "Each says above what can be done.")
    if not told:
        out.say("There is nothing to settle.")
    out.done(settled=len(told), unsettled=0)


def _show(out: Output, each: Recovered) -> None:
    out.record("recovered", {**each.model_dump(mode="json"), "settled": each.settled})
    out.say(f"{each.title} ({each.session_id}): {each.sentence}", "" if each.settled else "yellow")
    if each.known is not None:
        out.say(f"  {describe_known(each.known, time.time())}")
    for choice in each.choices:
        out.say(f"  {choice}")


def describe_known(known: Known, now: float) -> str:
    """What was last known of a session, and how old that is."""
    files = f" with {count(known.files, 'file')}" if known.files else ""
    left = f"It left here{files} {ago(now - known.left)}."
    if known.run is None:
        return f"{left} Nothing was heard of it since."
    run = known.run
    plan = f", {run.plan_done} of {run.plan_total} steps done" if run.plan_total else ""
    return f"{left} Last heard of {ago(now - known.heard)}: {PHASES[run.phase][1]}, {count(run.turns, 'turn')}{plan}."
