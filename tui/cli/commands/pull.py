"""``castoff pull``: bring a run and its work home."""

import asyncio
import contextlib

import click

from remote.steps import Decision, Home, PullStep, StillHere
from tui.cli.driving import Decider, can_ask, drive
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.step_view import StepView
from tui.cli.target import HERE, Target, open_target


@click.command(
    epilog="""\b
Examples:
  castoff pull --dry-run
  castoff pull k3v9 --yes
"""
)
@run_argument
@click.option("--dry-run", is_flag=True, help="Show what would change here, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@click.option("--allow-mass-deletion", is_flag=True, help="Go on even if the run deleted most of the tree.")
@async_command
async def pull(out: Output, run: str | None, dry_run: bool, yes: bool, allow_mass_deletion: bool) -> None:
    """Bring a run back: its conversation goes on here and its changes are applied to the tree here.

    Your own changes since the handoff are never overwritten; where there are any, nothing is applied and it says so.
    """
    if not (yes or dry_run) and (out.as_json or not can_ask()):
        raise click.UsageError("Nobody can be asked here: add --yes to go on without a question, or --dry-run.")
    settled: Decision | None = "cancel" if dry_run else "go" if yes else None
    async with open_target(run) as target:
        if target.host == HERE:
            raise NotHere("The session is here already.", "castoff runs shows where each one is.", code="already-here")
        decider = Decider(f"Bring {target.session_id} home?", settled)
        try:
            last = await _pull(out, target, decider, allow_mass_deletion)
        except asyncio.CancelledError:
            raise KeyboardInterrupt("Stopped by Ctrl-C; castoff runs shows where the session is.") from None
    if isinstance(last, Home):
        out.done(id=last.run_id, changed=last.changed, deleted=last.deleted, seconds=last.seconds)
        return
    assert isinstance(last, StillHere)
    if dry_run and last.code == "cancelled" and decider.blocking is None:
        out.say("Nothing was changed: this was a dry run.")
        out.done(id=target.session_id, dry_run=True)
        return
    raise decider.refuse(last)


async def _pull(out: Output, target: Target, decider: Decider, allow_mass_deletion: bool) -> PullStep:
    from remote.pull import pull_back

    steps = pull_back(target.links, target.host, target.session_id, allow_mass_deletion=allow_mass_deletion)
    with contextlib.closing(StepView(out)) as view:
        return await drive(steps, view, decider.decide)
