"""``castoff doctor``: what this machine has and lacks."""

import asyncio
from itertools import chain

import click

from tui.cli.diagnosis import examine, examine_host
from tui.cli.edge import command_edge
from tui.cli.errors import DiagnosisBad
from tui.cli.names import complete_host
from tui.cli.output import Output

_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "bold red")}


@click.command(
    epilog="""\b
Examples:
  castoff doctor
  castoff doctor vm                     why it cannot be reached
  castoff doctor --json | jq 'select(.grade == "bad")'
"""
)
@click.argument("hosts", nargs=-1, metavar="[HOST]...", shell_complete=complete_host)
@command_edge
def doctor(out: Output, hosts: tuple[str, ...]) -> None:
    """Say what this machine has and lacks: programs, places, agents, the model's key, hosts.

    Nothing is changed, and nothing is sent but to each HOST named: it is connected to, and where that fails, a second
    SSH library says whether the key, the server, the network or castoff is to blame. Exit status 1 only when something
    stands in the way of everything, or of reaching a HOST.
    """
    bad = 0
    findings = chain(examine(), (asyncio.run(examine_host(name)) for name in hosts))
    for finding in findings:
        mark, style = _MARKS[finding.grade]
        out.write(mark, style)
        out.say(f"  {finding.sentence}" + (f" {finding.way_out}" if finding.way_out else ""))
        out.record("finding", finding)
        bad += finding.grade == "bad"
    if bad:
        raise DiagnosisBad(f"{bad} of these stand{'s' if bad == 1 else ''} in the way.")
