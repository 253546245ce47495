"""``castoff send``: a prompt to a session or run."""

import sys

import click

from tui.cli.edge import async_command
from tui.cli.names import run_and, split_words
from tui.cli.output import Output
from tui.cli.prompts import check_prompt
from tui.cli.target import open_target


@click.command(
    epilog="""\b
Examples:
  castoff send k3v9 "Also update the README"
  castoff send "Go on"
  castoff send k3v9 - < prompt.txt
"""
)
@run_and("TEXT")
@async_command
async def send(out: Output, words: tuple[str, ...]) -> None:
    """Send TEXT to a session or run as its next prompt; it waits its turn. TEXT - reads it from standard input."""
    run, text = split_words(words, "TEXT")
    if text == "-":
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise click.UsageError("Standard input is not UTF-8.") from error
    check_prompt(text)
    async with open_target(run) as target, target.attach() as viewer:
        await viewer.prompt(text)
    out.say(f"Sent to {target.title} ({target.session_id}, {target.host}).")
    out.done(id=target.session_id)
