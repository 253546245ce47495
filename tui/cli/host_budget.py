"""``castoff host budget``: what all runs of a host together may spend a day."""

import click

from remote.settings_protocol import DailyThere, SetDaily
from tui.cli.edge import async_command
from tui.cli.names import host_argument
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.cli.trust import make_trust
from tui.drawing.words import money


@click.command(
    epilog="""\b
Examples:
  castoff host budget vm 20                     all runs there together, a day
  castoff host budget vm off
  castoff host budget vm                        says what it is, and what is spent today
"""
)
@host_argument
@click.argument("dollars", required=False)
@async_command
async def budget(out: Output, name: str, dollars: str | None) -> None:
    """Limit what all runs of a host together may spend a day, in DOLLARS; each is paused when that is reached."""
    async with open_links(make_trust(out)) as links:
        client = await links.client(name)
        there = await client.ask(SetDaily(change=dollars is not None, max_usd=_read_dollars(dollars)), DailyThere)
    most = "without limit" if there.max_usd is None else f"of {money(there.max_usd)}"
    out.say(f"The runs on {name} have spent {money(there.spent_usd)} {most} today.")
    out.done(name=name, max_usd=there.max_usd, spent_usd=there.spent_usd)


def _read_dollars(text: str | None) -> float | None:
    if text is None or text == "off":
        return None
    try:
        dollars = float(text.removeprefix("$"))
    except ValueError:
        dollars = -1.0
    if not 0 <= dollars < 1e9:
        raise click.UsageError('DOLLARS are a number like 20 or 7.50, or "off".')
    return dollars
