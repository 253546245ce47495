"""Which agents are installed on the hosts of the settings."""

import asyncio
from collections.abc import Sequence

from agent.events import Frozen
from remote.bootstrap import find_runtime
from remote.errors import RemoteError
from remote.links import Links
from remote.settings_protocol import AgentsThere, AgentThere, ListAgents


class HostAgents(Frozen):
    """What one host answered; if it could not be asked, ``reason`` is why, as a sentence."""

    host: str
    agents: tuple[AgentThere, ...] = ()
    reason: str = ""
    way_out: str = ""


async def ask_hosts(links: Links) -> Sequence[HostAgents]:
    """What each host of the settings has, in their order; nothing is installed. Raises only for damaged settings."""
    return await asyncio.gather(*(_ask(links, host.name) for host in links.settings.hosts()))


async def _ask(links: Links, name: str) -> HostAgents:
    try:
        if await find_runtime(await links.connect(name)) is None:
            way_out = f"castoff host setup {name} installs it."
            return HostAgents(host=name, reason=f"castoff's runtime is not on {name} yet.", way_out=way_out)
        answer = await (await links.client(name)).ask(ListAgents(), AgentsThere)
    except RemoteError as error:
        return HostAgents(host=name, reason=str(error), way_out=error.way_out)
    return HostAgents(host=name, agents=answer.agents)
