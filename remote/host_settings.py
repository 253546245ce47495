"""What a host keeps for runs: variables for agents, notification channels, mirrors. Values go in, never out."""

import asyncio

from agent.events import Frozen
from remote import settings_protocol as protocol
from remote.agent_env import read_env, set_env
from remote.agents import find_agents
from remote.channels import Channel, add_channel, list_channels, remove_channel
from remote.host_protocol import Nothing
from remote.mirror import forget_mirrors
from remote.notify import send_test


async def set_variable(request: protocol.SetVariable) -> Frozen:
    """Keep or forget a variable."""
    set_env(request.name, request.value)
    return Nothing()


async def list_variables(_: protocol.ListVariables) -> Frozen:
    """The names."""
    return protocol.Names(names=tuple(sorted(read_env())))


async def list_agents(_: protocol.ListAgents) -> Frozen:
    """What is installed, of the profiles known here; raises `agent.errors.ProfileError`."""
    return protocol.AgentsThere(agents=await asyncio.to_thread(find_agents))


async def forget_copies(_: protocol.ForgetMirrors) -> Frozen:
    """Remove the mirrors of all projects; waits for one that is being made."""
    return protocol.Forgotten(count=await asyncio.to_thread(forget_mirrors))


async def add(request: protocol.AddChannel) -> Frozen:
    """Keep a channel and show it masked."""
    return protocol.Channels(channels=(_line(add_channel(request.url)),))


async def remove(request: protocol.RemoveChannel) -> Frozen:
    """Forget a channel."""
    remove_channel(request.channel)
    return Nothing()


async def list_all(_: protocol.ListChannels) -> Frozen:
    """All channels, masked."""
    return protocol.Channels(channels=tuple(_line(channel) for channel in list_channels()))


async def test(request: protocol.TestChannels) -> Frozen:
    """Send a test and say what became of it."""
    deliveries = await send_test(request.channel or None)
    lines = [_line(d.channel).model_copy(update={"ok": d.ok, "detail": d.detail}) for d in deliveries]
    return protocol.Channels(channels=tuple(lines))


def _line(channel: Channel) -> protocol.ChannelLine:
    return protocol.ChannelLine(channel=channel.id, shown=channel.label)
