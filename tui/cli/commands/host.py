"""``castoff host``: the machines that runs may live on."""

from copy import copy
from pathlib import Path

import click

from agent.overview import look_over
from agent.paths import state_dir
from remote.agent_setup import set_up_agent
from remote.config import Settings, make_host
from remote.connection import connect
from remote.forgetting import forget_host
from remote.settings_protocol import ForgetMirrors, Forgotten
from tui.cli.driving import ask_passphrase, can_ask
from tui.cli.edge import async_command, command_edge
from tui.cli.errors import NotHere
from tui.cli.host_budget import budget
from tui.cli.host_cloud_init import cloud_init
from tui.cli.host_login import login
from tui.cli.host_report import look_at
from tui.cli.host_secrets import secrets
from tui.cli.names import complete_agent, host_argument
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.cli.trust import make_trust, trust_options

_agent_option = click.option(
    "--agent",
    default="builtin",
    show_default=True,
    shell_complete=complete_agent,
    help="The agent that a run would need there.",
)


@click.group(
    epilog="""\b
Examples:
  castoff host add vm me@vm.example.org
  castoff host add ci ci@ci.example.org --port 2222 --identity ~/.ssh/ci --fingerprint SHA256:...
  castoff host setup vm --agent claude
  castoff host secrets set vm OPENAI_API_KEY
"""
)
def host() -> None:
    """Add, list, check, set up and remove the machines that runs may live on."""


@host.command(epilog="\b\nExample:\n  castoff host add vm me@vm.example.org --port 2222 --identity ~/.ssh/id_ed25519\n")
@click.argument("name")
@click.argument("destination")
@click.option("--port", type=click.IntRange(1, 65535), help="By default what ~/.ssh/config says, else 22.")
@click.option("--user", help="Who to log in as; wins over DESTINATION and ~/.ssh/config.")
@click.option("--identity", type=click.Path(), help="The private key to log in with.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "full", "open", "reduced", "none"]),
    default="auto",
    show_default=True,
    help="auto: bubblewrap where the host has it. open: nothing less. full: and no network but what the run needs. "
    "reduced: at least Landlock. none: no sandbox, on purpose.",
)
@click.option("--offline", is_flag=True, help="Add it without connecting; its key is asked about later.")
@trust_options
@async_command
async def add(
    out: Output,
    name: str,
    destination: str,
    port: int | None,
    user: str | None,
    identity: str | None,
    sandbox: str,
    offline: bool,
    fingerprint: str | None,
    first_use: bool,
) -> None:
    """Add the host NAME, reached at DESTINATION: user@host, host, or an alias of ~/.ssh/config.

    It is added once it let us in and its key is agreed to; a second add of the same NAME replaces the first.
    """
    # Commands are given in other directories later.
    key_file = None if identity is None else str(Path(identity).expanduser().absolute())
    new = make_host(name, destination, port=port, user=user, identity=key_file, sandbox=sandbox)
    if not offline:
        trust = make_trust(out, fingerprint, first_use=first_use)
        async with await connect(new, trust=trust, passphrase=ask_passphrase if can_ask() else None) as connection:
            out.say(f"{name} answers in {connection.rtt * 1000:.0f} ms.")
    Settings().add(new)
    out.say(f"Added {name}. Next: castoff host setup {name}")
    out.done(name=name)


@host.command("list", epilog="\b\nExample:\n  castoff host list --json\n")
@command_edge
def list_hosts(out: Output) -> None:
    """List the hosts in the settings; none is asked."""
    hosts = Settings().hosts()
    for one in hosts:
        out.record("host", one)
    if hosts:
        rows = [(h.name, h.destination, str(h.port or "-"), h.sandbox, h.identity or "-") for h in hosts]
        out.table(("NAME", "DESTINATION", "PORT", "SANDBOX", "IDENTITY"), rows)
    else:
        out.say("No host yet. Add one: castoff host add NAME user@address")


@host.command(epilog="\b\nExample:\n  castoff host check vm --agent codex\n")
@host_argument
@_agent_option
@trust_options
@async_command
async def check(out: Output, name: str, agent: str, fingerprint: str | None, first_use: bool) -> None:
    """Connect to a host and say what it has and lacks; nothing is installed."""
    async with open_links(make_trust(out, fingerprint, first_use=first_use)) as links:
        ready = await look_at(out, links, name, agent)
    if not ready:
        raise NotHere(
            f"{name} cannot take a run of {agent} as it is.", "The lines above say why.", code="host-not-ready"
        )
    out.done(name=name)


@host.command(epilog="\b\nExamples:\n  castoff host setup vm\n  castoff host setup vm --agent claude\n")
@host_argument
@_agent_option
@trust_options
@async_command
async def setup(out: Output, name: str, agent: str, fingerprint: str | None, first_use: bool) -> None:
    """Install castoff's runtime on a host, and the agent, into the user's own account there; root is not needed.

    What is there and current is left alone. An agent that is elsewhere on the host's PATH is not installed again.
    """

    def report(line: str) -> None:
        out.say(line)
        out.record("progress", {"detail": line})

    async with open_links(make_trust(out, fingerprint, first_use=first_use)) as links:
        client = await links.client(name, report)
        await set_up_agent(client, agent, report)
        ready = await look_at(out, links, name, agent)
    if not ready:
        out.say(f"The runtime is there; the lines above say what a run of {agent} lacks.")
    out.done(name=name, runtime=client.runtime.runtime_id, ready=ready)


@host.command(epilog="\b\nExample:\n  castoff host remove vm\n")
@host_argument
@click.option("--yes", is_flag=True, help="Even when sessions are on it.")
@command_edge
def remove(out: Output, name: str, yes: bool) -> None:
    """Forget a host and its key. Nothing is changed on the host itself."""
    there = [s for s, lease in look_over(state_dir()).whole if lease.state in ("offered", "away") and lease.to == name]
    if there and not yes:
        ids = ", ".join(session.id for session in there)
        raise NotHere(f"Sessions are on {name}: {ids}.", "Pull them first, or add --yes.", code="host-in-use")
    keys = forget_host(name)
    out.say(f"Forgot {name} and {keys} pinned key{'' if keys == 1 else 's'}.")
    out.done(name=name, keys=keys)


@host.command(epilog="\b\nExample:\n  castoff host clean vm\n")
@host_argument
@async_command
async def clean(out: Output, name: str) -> None:
    """Remove the copies of projects that a host keeps for their next handoff, which then sends everything.

    Runs are not touched. A host keeps at most eight copies, none older than thirty days.
    """
    async with open_links(make_trust(out)) as links:
        client = await links.client(name)
        count = (await client.ask(ForgetMirrors(), Forgotten)).count
    out.say(f"Removed {count} cop{'y' if count == 1 else 'ies'} from {name}.")
    out.done(name=name, removed=count)


host.add_command(budget)
host.add_command(cloud_init)
host.add_command(login)
host.add_command(secrets)
_key = copy(secrets.commands["set"])
_key.hidden = True
host.add_command(_key, "key")  # as it was called before; scripts may have it
