"""``castoff policy``: what the agent of a run may do without asking, and what it is refused."""

from typing import get_args

import click

from agent.deeds import Deed, Rules
from agent.events import Policy
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import open_target

_CLASSES = click.Choice(get_args(Deed))


@click.command(
    epilog="""\b
Examples:
  castoff policy k3v9
  castoff policy k3v9 --set accept-all --ask network --deny outside
  castoff policy k3v9 --no-rules
"""
)
@run_argument
@click.option("--set", "wanted", type=click.Choice(get_args(Policy)), help="What it may do without asking.")
@click.option("--ask", multiple=True, type=_CLASSES, help="Ask for this class of action, whatever the policy.")
@click.option("--deny", multiple=True, type=_CLASSES, help="Refuse this class of action at once.")
@click.option("--no-rules", is_flag=True, help="Take back the rules of --ask and --deny.")
@async_command
async def policy(
    out: Output, run: str | None, wanted: Policy | None, ask: tuple[Deed, ...], deny: tuple[Deed, ...], no_rules: bool
) -> None:
    """Show what the agent of a session or run may do without asking, or set it.

    Rules that are given take the place of those that the session has. Those of the settings for sessions here count
    all the same.
    """
    if no_rules and (ask or deny):
        raise click.UsageError("--no-rules goes without --ask and --deny.")
    rules = Rules(ask=ask, deny=deny) if ask or deny or no_rules else None
    async with open_target(run) as target:
        state = await target.read_state()
        if wanted is not None or rules is not None:
            async with target.attach() as viewer:
                await viewer.set_policy(wanted or state.policy, rules)
            state = await target.read_state()
    out.say(f"{target.title}  ({target.session_id}, {target.host})", "bold")
    out.say(f"policy   {state.policy}")
    for name, deeds in (("ask", state.rules.ask), ("deny", state.rules.deny)):
        if deeds:
            out.say(f"{name:<7}  {', '.join(deeds)}")
    out.record("policy", {"policy": state.policy, "ask": state.rules.ask, "deny": state.rules.deny})
    out.done(id=target.session_id, phase=state.phase)
