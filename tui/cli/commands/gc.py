"""``castoff gc``: remove what is kept and nobody needs any more."""

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import click

from agent.overview import look_over
from agent.paths import state_dir
from remote.waste import KEPT_UNDOS, KINDS, OLD_DAYS, Waste
from tui.cli.driving import can_ask, confirm
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_host
from tui.cli.output import Output
from tui.cli.target import HERE, open_links
from tui.drawing.words import ago, size

if TYPE_CHECKING:
    from remote.links import Links

_SECONDS = 600.0


class _Found(NamedTuple):
    """What may go on one machine."""

    machine: str
    waste: tuple[Waste, ...]


@click.command(
    epilog="""\b
Examples:
  castoff gc --dry-run
  castoff gc --host vm --older-than 7
  castoff gc --host here --yes
"""
)
@click.option(
    "--host", "hosts", multiple=True, shell_complete=complete_host, help="Only there; “here” is this machine."
)
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=OLD_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Nothing younger goes.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@async_command
async def gc(out: Output, hosts: tuple[str, ...], days: float, dry_run: bool, yes: bool) -> None:
    """Remove what is older than DAYS and nobody needs any more: it is listed first, here and on all hosts.

    On hosts: archived runs, copies of projects, runtimes of other versions that nothing uses. Here: what pulls
    replaced, with their undo, but never the last ten of a session. After a day on either side: the rests of moves that
    were given up. Never what is held, on its way, or needed to settle a move that was cut.
    """
    async with open_links() as links:
        found = await _find(out, links, hosts, days)
        rows = [(machine, each) for machine, waste in found for each in waste]
        _show(out, rows)
        if dry_run or not rows:
            out.done(dry_run=dry_run, found=len(rows), size=sum(each.size for _, each in rows), removed=0)
            return
        if not yes:
            if out.as_json or not can_ask():
                raise click.UsageError("Nobody can be asked here: add --yes to remove what is listed, or --dry-run.")
            if not await confirm("Remove all of it?"):
                raise NotHere("Nothing was removed.", code="declined")
        gone = [each for machine, waste in found for each in await _remove(links, machine, days, waste)]
    left = len(rows) - len(gone)
    more = f" {left} of them are wanted again and stay." if left else ""
    out.say(f"Removed {len(gone)}, {size(sum(each.size for each in gone))}.{more}")
    out.done(dry_run=False, found=len(rows), size=sum(each.size for each in gone), removed=len(gone))


async def _find(out: Output, links: "Links", hosts: tuple[str, ...], days: float) -> list[_Found]:
    """What may go on each machine; of all hosts, those that cannot be asked are told and passed over."""
    from remote.errors import RemoteError

    found: list[_Found] = []
    for machine in dict.fromkeys(hosts or (HERE, *(host.name for host in links.settings.hosts()))):
        try:
            found.append(_Found(machine, await _ask(links, machine, days, None)))
        except RemoteError as error:
            if hosts:
                raise
            out.say(f"{machine} was not asked: {error}", "yellow")
            out.record("unreachable", {"host": machine, "reason": str(error)})
    return found


async def _remove(links: "Links", machine: str, days: float, waste: tuple[Waste, ...]) -> tuple[Waste, ...]:
    return await _ask(links, machine, days, tuple(each.key for each in waste)) if waste else ()


async def _ask(links: "Links", machine: str, days: float, remove: tuple[str, ...] | None) -> tuple[Waste, ...]:
    """What may go there; or, with the keys of what shall, what went."""
    if machine == HERE:
        from remote.waste_here import find_here, remove_here

        if remove is None:
            return await asyncio.to_thread(find_here, days)
        return await asyncio.to_thread(remove_here, remove, days)
    from remote.settings_protocol import Sweep, Swept

    leases = [(session.id, lease) for session, lease in look_over(state_dir()).whole]
    waiting = tuple(each for each, lease in leases if lease.state == "offered" and lease.to == machine)
    client = await links.client(machine)
    request = Sweep(days=days, waiting=waiting, remove=remove)
    return (await client.ask(request, Swept, timeout=_SECONDS)).waste


def _show(out: Output, rows: list[tuple[str, Waste]]) -> None:
    for machine, each in rows:
        out.record("waste", {"machine": machine, **each.model_dump(mode="json")})
    if not rows:
        out.say("There is nothing to remove.")
        return
    now = time.time()
    cells = [(machine, KINDS[w.kind], w.name, size(w.size), ago(now - w.at)) for machine, w in rows]
    out.table(("WHERE", "WHAT", "NAME", "SIZE", "LAST USED"), cells)
    out.say(f"{size(sum(each.size for _, each in rows))} in all. The last {KEPT_UNDOS} undos of a session always stay.")
