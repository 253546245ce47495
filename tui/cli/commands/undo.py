"""``castoff undo``: take back what a pull did to the tree."""

import time
from pathlib import Path

import click

from tui.cli.edge import command_edge
from tui.cli.errors import NotMoved
from tui.cli.names import complete_session
from tui.cli.output import Output
from tui.drawing.words import ago, count

_SHOWN = 20


@click.command(
    epilog="""\b
Examples:
  castoff undo
  castoff undo k3v9 --dry-run
  castoff undo k3v9 --redo
"""
)
@click.argument("session", required=False, shell_complete=complete_session)
@click.option("--list", "listed", is_flag=True, help="List the pulls of the session, and change nothing.")
@click.option("--redo", is_flag=True, help="Take the last undo back.")
@click.option("--dry-run", is_flag=True, help="Say what would be done or is in the way, and change nothing.")
@command_edge
def undo(out: Output, session: str | None, listed: bool, redo: bool, dry_run: bool) -> None:
    """Put the tree back to what it was before a session was pulled, bit for bit.

    Without a session it is the last pull into the current directory.
    If one of the files that the pull changed was changed again since, nothing is done and all of them are named.
    """
    from remote.undo import check_undo, find_pulled, list_pulls
    from remote.undo import undo as take_back

    found = find_pulled(session, Path.cwd())
    if listed:
        pulls = list_pulls(found)
        for pull in pulls:
            out.record("pull", pull)
        rows = [
            (ago(time.time() - p.at), p.state, count(p.changed, "change"), count(p.deleted, "deletion"), p.bundle)
            for p in pulls
        ]
        out.table(("when", "state", "changed", "deleted", "as a commit"), rows)
        return
    seen = check_undo(found, again=redo)
    if seen.in_the_way:
        shown = ", ".join(repr(path) for path in seen.in_the_way[:_SHOWN])
        more = f" and {len(seen.in_the_way) - _SHOWN} more" if len(seen.in_the_way) > _SHOWN else ""
        raise NotMoved(
            f"Changed here since, so nothing was done: {shown}{more}.",
            f"Move your versions of them aside, then do it again; the originals are in {seen.pull.keep}.",
            code="tree-changed",
        )
    what = f"{count(seen.pull.changed, 'change')} and {count(seen.pull.deleted, 'deletion')}"
    done = "made again" if redo else "taken back"
    if dry_run:
        out.say(f"{what} would be {done}; nothing was changed.")
        out.done(id=found.id, epoch=seen.pull.epoch, dry_run=True)
        return
    take_back(found, again=redo)
    out.say(f"{what} {done}. {'castoff undo' if redo else 'castoff undo --redo'} reverses that.")
    out.done(id=found.id, epoch=seen.pull.epoch, changed=seen.pull.changed, deleted=seen.pull.deleted)
