"""``castoff log``: what happened, as text or as events."""

import click

from agent.errors import ViewerGone
from agent.journal import read_events
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.narration import Narrator
from tui.cli.output import Output
from tui.cli.target import Target, open_target


@click.command(
    epilog="""\b
Examples:
  castoff log
  castoff log k3v9 --follow
  castoff log k3v9 --after 120 --json
"""
)
@run_argument
@click.option("--after", default=0, type=click.IntRange(min=0), metavar="SEQ", help="Only events after this one.")
@click.option("--follow", is_flag=True, help="Go on with what happens now, until Ctrl-C or the runner's end.")
@async_command
async def log(out: Output, run: str | None, after: int, follow: bool) -> None:
    """Print what happened in a session or run: its transcript, or with --json its events as they are."""
    async with open_target(run) as target:
        narrator, head = Narrator(out), after
        if target.local is not None and not follow:
            for event in read_events(target.local.journal, after):
                narrator.take(event)
                out.record("event", event)
                head = event.seq
        else:
            head = await _stream(target, out, narrator, after, follow)
        narrator.end()
    out.done(id=target.session_id, head_seq=head)


async def _stream(target: Target, out: Output, narrator: Narrator, after: int, follow: bool) -> int:
    """Print events from the runner; returns the last seq."""
    head = after
    async with target.attach(after) as viewer:
        if not follow and head >= viewer.welcome.head_seq:
            return head
        try:
            async for events in viewer.batches():
                for event in events:
                    narrator.take(event)
                    out.record("event", event)
                    head = event.seq
                if not follow and head >= viewer.welcome.head_seq:
                    return head
        except ViewerGone:
            # With --follow the runner's end is the end; without, something of the history is missing.
            if not follow:
                raise
    return head
