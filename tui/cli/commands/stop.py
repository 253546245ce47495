"""``castoff stop``: end a run's agent and runner."""

import click

from agent.runner_lock import is_served
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import open_target


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
    async with open_target(run) as target:
        # A runner that is only started to be stopped would start the agent too.
        if target.local is None or is_served(target.local) or (await target.read_state()).phase != "stopped":
            async with target.attach() as viewer:
                await viewer.stop()
    out.say(f"Stopped {target.title} ({target.session_id}, {target.host}). Nothing of it is lost.")
    out.done(id=target.session_id)
