"""``castoff pull``: bring a run and its work home."""

import asyncio
import contextlib
import os
from pathlib import Path

import click

from remote.steps import Home, PullStep, StillHere
from remote.terms import Agreed, Wish
from tui.cli.driving import can_ask, drive
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.pull_decider import PullDecider
from tui.cli.step_view import StepView
from tui.cli.target import HERE, Target, open_target


@click.command(
    epilog="""\b
Examples:
  castoff pull --dry-run
  castoff pull k3v9 --yes
  castoff pull k3v9 --yes --accept Makefile --only src --only Makefile
  castoff pull k3v9 --branch run/quotes
"""
)
@run_argument
@click.option("--dry-run", is_flag=True, help="Show what would change here, and change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@click.option("--branch", default="", metavar="NAME", help="Don't merge: make a new branch of the run's files.")
@click.option("--patch", default="", metavar="FILE", help="Don't merge: write the run's changes to a patch file.")
@click.option("--only", multiple=True, metavar="PATH", help="Merge this file or folder only; can be repeated.")
@click.option("--accept", multiple=True, metavar="PATH", help="Accept this executable configuration; can be repeated.")
@click.option("--accept-all", is_flag=True, help="Accept all executable configuration.")
@click.option("--allow-mass-deletion", is_flag=True, help="Go on even if the run deleted most of the tree.")
@async_command
async def pull(
    out: Output,
    run: str | None,
    dry_run: bool,
    yes: bool,
    branch: str,
    patch: str,
    only: tuple[str, ...],
    accept: tuple[str, ...],
    accept_all: bool,
    allow_mass_deletion: bool,
) -> None:
    """Bring a run back: its conversation goes on here and its changes are merged into the tree here.

    Your own changes since the handoff are never overwritten: what both sides changed is merged by lines; where that
    clashes both versions are kept, with the commands that settle it. New or changed files that some tool runs by
    itself (hooks, CI files, Makefile, ...) are asked about one by one, with --yes only those of --accept come.
    castoff undo takes it all back.
    """
    if not (yes or dry_run) and (out.as_json or not can_ask()):
        raise click.UsageError("Nobody can be asked here: add --yes to go on without a question, or --dry-run.")
    if branch and patch:
        raise click.UsageError("Either a branch or a patch.")
    async with open_target(run) as target:
        if target.host == HERE:
            raise NotHere("The session is here already.", "castoff runs shows where each one is.", code="already-here")
        project = Path(target.session.info.project) if target.session is not None else Path.cwd()
        wish = Wish(
            branch=branch,
            patch=str(Path(patch).absolute()) if patch else "",
            only=tuple(_inside(project, path) for path in only),
            agreed=Agreed(accept=tuple(_inside(project, path) for path in accept), deletions=allow_mass_deletion),
            accept_all=accept_all,
        )
        decider = PullDecider(f"Bring {target.session_id} home?", "cancel" if dry_run else "go" if yes else None)
        try:
            last = await _pull(out, target, decider, wish)
        except asyncio.CancelledError:
            raise KeyboardInterrupt("Stopped by Ctrl-C; castoff runs shows where the session is.") from None
    if isinstance(last, Home):
        out.done(
            id=last.run_id,
            changed=last.changed,
            deleted=last.deleted,
            clashes=len(last.clashes),
            held=len(last.held),
            seconds=last.seconds,
        )
        return
    assert isinstance(last, StillHere)
    if dry_run and last.code == "cancelled" and decider.blocking is None:
        out.say("Nothing was changed: this was a dry run. Clashes are known once the run was fetched.")
        out.done(id=target.session_id, dry_run=True)
        return
    raise decider.refuse(last)


def _inside(project: Path, path: str) -> str:
    """``path``, as the shell's user means it, relative to the project; one that is not below it is taken as it is."""
    full = os.path.normpath(Path.cwd() / path)
    relative = os.path.relpath(full, project)
    return os.path.normpath(path) if relative.startswith("..") else relative


async def _pull(out: Output, target: Target, decider: PullDecider, wish: Wish) -> PullStep:
    from remote.pull import pull_back

    steps = pull_back(target.links, target.host, target.session_id, wish=wish)
    with contextlib.closing(StepView(out)) as view:
        return await drive(steps, view, decider.decide)
