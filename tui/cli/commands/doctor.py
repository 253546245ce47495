"""``castoff doctor``: what this machine has and lacks."""

import click

from tui.cli.diagnosis import examine
from tui.cli.edge import command_edge
from tui.cli.errors import DiagnosisBad
from tui.cli.output import Output

_MARKS = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "bold red")}


@click.command(
    epilog="""\b
Examples:
  castoff doctor
  castoff doctor --json | jq 'select(.grade == "bad")'
"""
)
@command_edge
def doctor(out: Output) -> None:
    """Say what this machine has and lacks: programs, places, agents, the model's key, hosts.

    Nothing is changed and nothing is sent. Exit status 1 only when something stands in the way of everything.
    """
    bad = 0
    for finding in examine():
        mark, style = _MARKS[finding.grade]
        out.write(mark, style)
        out.say(f"  {finding.sentence}" + (f" {finding.way_out}" if finding.way_out else ""))
        out.record("finding", finding)
        bad += finding.grade == "bad"
    if bad:
        raise DiagnosisBad(f"{bad} of these stand{'s' if bad == 1 else ''} in the way.")
