"""What a host keeps for runs: variables for agents, notification channels, mirrors. Values go in, never out."""

import asyncio
import time

from agent.daybook import add_up, read_daily, set_daily, spending_dir, today
from agent.errors import ProfileError
from agent.events import Frozen
from agent.paths import state_dir
from agent.profiles import load_profile
from remote import settings_protocol as protocol
from remote.agent_env import read_env, set_env
from remote.agents import find_agents
from remote.channels import (
    Channel,
    Replies,
    add_channel,
    list_channels,
    prove_channel,
    read_rules,
    remove_channel,
    set_replies,
    set_rules,
)
from remote.host_protocol import Nothing
from remote.mirror import forget_mirrors
from remote.revive import held_runs
from remote.trial import Delivery, send_code, send_test


async def set_variable(request: protocol.SetVariable) -> Frozen:
    """Keep or forget a variable."""
    set_env(request.name, request.value)
    return Nothing()


async def list_variables(_: protocol.ListVariables) -> Frozen:
    """The names, and the runs whose agents get them."""
    names = sorted(read_env())
    uses = await asyncio.to_thread(_find_uses)
    return protocol.Variables(
        variables=tuple(
            protocol.Variable(name=name, runs=tuple(use for use, unset in uses if name not in unset)) for name in names
        )
    )


def _find_uses() -> list[tuple[protocol.Use, tuple[str, ...]]]:
    """The runs held here, each with the variables that its agent does not get."""
    uses: list[tuple[protocol.Use, tuple[str, ...]]] = []
    for session in held_runs(state_dir()):
        info = session.info
        try:
            unset = load_profile(info.agent).unset
        except ProfileError:
            continue  # without its profile no agent starts, and none gets anything
        uses.append((protocol.Use(run_id=info.id, title=info.title, agent=info.agent), unset))
    return uses


async def list_agents(_: protocol.ListAgents) -> Frozen:
    """What is installed, of the profiles known here; raises `agent.errors.ProfileError`."""
    return protocol.AgentsThere(agents=await asyncio.to_thread(find_agents))


async def forget_copies(_: protocol.ForgetMirrors) -> Frozen:
    """Remove the mirrors of all projects; waits for one that is being made."""
    return protocol.Forgotten(count=await asyncio.to_thread(forget_mirrors))


async def set_daily_limit(request: protocol.SetDaily) -> Frozen:
    """Set the limit for all runs of a day, if it is to be changed, and say what it is; raises `RecordDamaged`."""
    folder = spending_dir()
    if request.change:
        set_daily(folder, request.max_usd)
    return protocol.DailyThere(max_usd=read_daily(folder), spent_usd=add_up(folder, today(time.time())))


async def add(request: protocol.AddChannel) -> Frozen:
    """Keep a channel, send the code that proves it, and show it masked."""
    channel = add_channel(request.url, after=request.after)
    line = _line(channel) if channel.proven else _tell(await send_code(channel.id, request.host))
    return protocol.Channels(channels=(line,))


async def code(request: protocol.SendCode) -> Frozen:
    """Send a new code over a channel."""
    return protocol.Channels(channels=(_tell(await send_code(request.channel, request.host)),))


async def prove(request: protocol.ProveChannel) -> Frozen:
    """Believe a channel whose code was typed back."""
    return protocol.Channels(channels=(_line(prove_channel(request.channel, request.code)),))


async def set_answers(request: protocol.SetReplies) -> Frozen:
    """Let answers come by a channel, or no more."""
    from remote.replies import open_replies

    replies = Replies(token=request.token, sender=request.sender, at=time.time()) if request.on else None
    return protocol.Channels(channels=(_line(set_replies(request.channel, replies, open_replies)),))


async def set_notify_rules(request: protocol.SetRules) -> Frozen:
    """Change the rules, and say what they are."""
    return set_rules(request.changes) if request.changes else read_rules()


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
    return protocol.Channels(channels=tuple(map(_tell, deliveries)))


def _line(channel: Channel) -> protocol.ChannelLine:
    return protocol.ChannelLine(
        channel=channel.id,
        shown=channel.label,
        proven=channel.proven,
        after=channel.after,
        answers=channel.answers,
    )


def _tell(delivery: Delivery) -> protocol.ChannelLine:
    return _line(delivery.channel).model_copy(update={"ok": delivery.ok, "detail": delivery.detail})
