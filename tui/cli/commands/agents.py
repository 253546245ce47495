"""``castoff agents``: the agents that castoff knows, and where they are installed."""

from collections.abc import Mapping, Sequence

import click

from agent.profiles import list_profiles
from remote.agents import find_agents
from remote.agents_there import HostAgents, ask_hosts
from remote.settings_protocol import AgentThere
from tui.cli.edge import async_command
from tui.cli.output import Output
from tui.cli.target import HERE, open_links


@click.command(
    epilog="""\b
Examples:
  castoff agents
  castoff agents --here --json | jq 'select(.program == "")'
"""
)
@click.option("--here", "only_here", is_flag=True, help="Ask no host.")
@async_command
async def agents(out: Output, only_here: bool) -> None:
    """List the agents that castoff knows, with what is installed here and on each host.

    A version is shown where the program's package tells it. Nothing is installed. A host that cannot be asked is named
    with its reason, and the exit status is 0.
    """
    profiles = {profile.name: profile for profile in list_profiles()}
    places = [HostAgents(host=HERE, agents=find_agents())]
    if not only_here:
        async with open_links() as links:
            places += await ask_hosts(links)
    asked = [place for place in places if not place.reason]
    for place in asked:
        for agent in place.agents:
            known = profiles.get(agent.name)
            told = {"install": known.install, "login": known.login} if known else {}
            out.record("agent", {"host": place.host, **agent.model_dump(), **told})
    _print_table(out, {name: profile.title for name, profile in profiles.items()}, asked)
    for place in places:
        if place.reason:
            out.say(f"{place.host} cannot be asked: {place.reason} {place.way_out}".strip(), "yellow")
            out.record("unreachable", place)


def _print_table(out: Output, titles: Mapping[str, str], places: Sequence[HostAgents]) -> None:
    names = sorted({agent.name for place in places for agent in place.agents})
    found = {(place.host, agent.name): agent for place in places for agent in place.agents}
    rows = [
        (name, titles.get(name, "-"), *(_cell(found.get((place.host, name))) for place in places)) for name in names
    ]
    out.table(("NAME", "AGENT", *(place.host.upper() for place in places)), rows)


def _cell(agent: AgentThere | None) -> str:
    return "-" if agent is None or not agent.program else agent.version or "yes"
