"""``castoff host secrets``: the keys that agents on a host get, in one file there."""

import click

from remote.host_protocol import Nothing
from remote.settings_protocol import ListVariables, SetVariable, Variables
from tui.cli.edge import async_command
from tui.cli.names import host_argument
from tui.cli.output import Output
from tui.cli.secrets import read_secret
from tui.cli.target import open_links
from tui.cli.trust import make_trust
from tui.drawing.words import count


@click.group(
    epilog="""\b
Examples:
  castoff host secrets list vm
  castoff host secrets set vm OPENAI_API_KEY            asks for the value, without echo
  castoff host secrets set vm OPENAI_API_KEY < key.txt
  castoff host secrets revoke vm OPENAI_API_KEY
"""
)
def secrets() -> None:
    """See, set and revoke the keys and other variables that agents on a host get.

    They are in one file there that only its user can read. A value goes in, and never out.
    """


@secrets.command("list", epilog="\b\nExample:\n  castoff host secrets list vm\n")
@host_argument
@async_command
async def list_secrets(out: Output, name: str) -> None:
    """List the names that a host keeps, and the runs there whose agents get them."""
    async with open_links(make_trust(out)) as links:
        client = await links.client(name)
        found = (await client.ask(ListVariables(), Variables)).variables
    for each in found:
        out.record("secret", each)
    if found:
        rows = [
            (each.name, ", ".join(f"{run.run_id} ({run.title or run.agent})" for run in each.runs) or "-")
            for each in found
        ]
        out.table(("NAME", "RUNS"), rows)
    else:
        out.say(f"{name} keeps nothing for agents.")
    out.done(name=name)


@secrets.command("set", epilog="\b\nExample:\n  castoff host secrets set vm OPENAI_API_KEY < key.txt\n")
@host_argument
@click.argument("variable")
@async_command
async def set_secret(out: Output, name: str, variable: str) -> None:
    """Keep VARIABLE for agents on a host. Its value is read without echo, or from standard input, never an argument.

    Agents that run already go on with the value that they started with.
    """
    value = read_secret(f"Value of {variable}: ")
    async with open_links(make_trust(out)) as links:
        client = await links.client(name)
        await client.ask(SetVariable(name=variable, value=value), Nothing)
    out.say(f"Kept {variable} on {name}.")
    out.done(name=name)


@secrets.command(epilog="\b\nExample:\n  castoff host secrets revoke vm OPENAI_API_KEY\n")
@host_argument
@click.argument("variable")
@async_command
async def revoke(out: Output, name: str, variable: str) -> None:
    """Remove VARIABLE from a host. Agents that run already have it until they end: castoff stop ends one."""
    async with open_links(make_trust(out)) as links:
        client = await links.client(name)
        found = (await client.ask(ListVariables(), Variables)).variables
        await client.ask(SetVariable(name=variable, value=""), Nothing)
    runs = [run.run_id for each in found if each.name == variable for run in each.runs]
    known = any(each.name == variable for each in found)
    out.say(f"Removed {variable} from {name}." if known else f"{name} did not keep {variable}.")
    if runs:
        out.say(f"{count(len(runs), 'run')} may have it until the agent ends: {', '.join(runs)}.", "yellow")
    out.done(name=name, known=known, runs=runs)
