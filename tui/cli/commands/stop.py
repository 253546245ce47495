"""``castoff stop``: end a run's agent and runner."""

import click

from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.place import open_place


@click.command(
    epilog="""\b
Example:
  castoff stop k3v9
"""
)
@run_argument
@async_command
async def stop(out: Output, run: str | None) -> None:
    """End a session's agent and runner, here or on its host. Its history and its tree are kept."""
    async with open_place(run) as place, place.attach() as viewer:
        await viewer.stop()
    out.say(f"Stopped {place.title} ({place.session_id}, {place.host}). Nothing of it is lost.")
    out.done(id=place.session_id)
