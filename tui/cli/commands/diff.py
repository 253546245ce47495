"""``castoff diff``: what a session changed in its tree."""

import sys
from typing import TYPE_CHECKING

import click

from agent.sanitise import clean
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import open_target
from tui.drawing.words import count

if TYPE_CHECKING:
    from remote.start import Since

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@click.command(
    epilog="""\b
Examples:
  castoff diff
  castoff diff k3v9 --stat
  castoff diff k3v9 --since start
  castoff diff k3v9 --raw | less
"""
)
@run_argument
@click.option("--stat", is_flag=True, help="Only names and counts of lines.")
@click.option("--raw", is_flag=True, help="Print the text byte for byte, control characters too: not for a terminal.")
@click.option(
    "--since",
    type=click.Choice(["handoff", "start"]),
    help="Of a run: since its last handoff (the default), or since the session began.",
)
@async_command
async def diff(out: Output, run: str | None, stat: bool, raw: bool, since: "Since | None") -> None:
    """Show what a session here changed in its tree since it began, or a run since its last handoff."""
    async with open_target(run) as target:
        found = await target.read_diff(since)
    for file in found.files:
        out.record("file", file)
        counts = "" if file.added is None else f"  +{file.added} -{file.removed or 0}"
        path = clean(file.path, single_line=True)  # a name with a line break is not two lines of this list
        out.say(f"{file.change} {path}{counts}{'  ' if file.note else ''}{file.note}", "bold")
        if stat or not file.text or out.as_json:
            continue
        if raw:
            sys.stdout.write(file.text)
            continue
        for line in file.text.splitlines():
            out.say(line, _STYLES.get(line[:1], ""))
    out.say(f"{count(len(found.files), 'file')} changed." if found.files else "Nothing is changed.")
    out.done(id=target.session_id, files=len(found.files))
