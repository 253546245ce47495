"""What this side asks about what a host keeps: variables for runs, copies of projects, what nobody needs any more,
notification channels.

These are requests of `remote.host_protocol`.
"""

from typing import Literal

from pydantic import Field

from agent.events import Frozen
from remote.waste import Waste


class SetVariable(Frozen):
    """Keep a variable for agents on that host; an empty value forgets it."""

    op: Literal["set-variable"] = "set-variable"
    name: str
    value: str


class ListVariables(Frozen):
    """The variables kept for agents, and which runs get them."""

    op: Literal["variables"] = "variables"


class Use(Frozen):
    """A run that lives there and whose agent gets a variable when it starts."""

    run_id: str
    title: str
    agent: str


class Variable(Frozen):
    """A name, never a value, and who gets it."""

    name: str
    runs: tuple[Use, ...] = ()


class Variables(Frozen):
    """All of them, by name."""

    variables: tuple[Variable, ...]


class ListAgents(Frozen):
    """The agents of all profiles there, installed or not."""

    op: Literal["agents"] = "agents"


class AgentThere(Frozen):
    """One agent on one machine. ``program`` is "" where it is not installed, ``version`` where nothing tells it."""

    name: str
    title: str
    program: str = ""
    version: str = ""


class AgentsThere(Frozen):
    """One line a profile."""

    agents: tuple[AgentThere, ...]


class ForgetMirrors(Frozen):
    """Remove the copies of projects that are kept for their next handoff."""

    op: Literal["mirrors-forget"] = "mirrors-forget"


class Forgotten(Frozen):
    """How many there were."""

    count: int


class Sweep(Frozen):
    """What may go of what is older than ``days``? With ``remove``: let those of these keys go.

    ``waiting`` are runs that the asking side has offered to this host and knows no answer of.
    """

    op: Literal["sweep"] = "sweep"
    days: float
    waiting: tuple[str, ...] = ()
    remove: tuple[str, ...] | None = None


class Swept(Frozen):
    """What may go, or what went."""

    waste: tuple[Waste, ...]


class AddChannel(Frozen):
    """Keep a notification channel, and send a code over it unless it is believed already."""

    op: Literal["channel-add"] = "channel-add"
    url: str
    after: float = 0.0
    host: str = ""
    """What the user calls the host: the code names it."""


class RemoveChannel(Frozen):
    """Forget a notification channel."""

    op: Literal["channel-remove"] = "channel-remove"
    channel: str


class ListChannels(Frozen):
    """The notification channels, masked."""

    op: Literal["channels"] = "channels"


class TestChannels(Frozen):
    """Send a test to every channel, or to one."""

    op: Literal["channel-test"] = "channel-test"
    channel: str = ""


class SendCode(Frozen):
    """Send a code over a channel, to be typed back."""

    op: Literal["channel-code"] = "channel-code"
    channel: str
    host: str = ""


class ProveChannel(Frozen):
    """Believe a channel by the code that came over it."""

    op: Literal["channel-prove"] = "channel-prove"
    channel: str
    code: str


class SetReplies(Frozen):
    """Let answers come by a channel, or no more: with what ntfy's buttons publish, who may answer by Matrix."""

    op: Literal["channel-answers"] = "channel-answers"
    channel: str
    on: bool = True
    token: str = Field(default="", repr=False)
    sender: str = ""


class SetRules(Frozen):
    """Change some of the rules of notifications, by the names of `remote.rules.Rules`; none: ask for them."""

    op: Literal["notify-rules"] = "notify-rules"
    changes: dict[str, str | float | bool] = Field(default={})


class SetDaily(Frozen):
    """Limit what all runs there may spend a day, in dollars; ``change`` without ``max_usd``: no limit any more."""

    op: Literal["daily"] = "daily"
    change: bool = False
    max_usd: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class DailyThere(Frozen):
    """The limit, and what was spent today of known price."""

    max_usd: float | None
    spent_usd: float


class ChannelLine(Frozen):
    """One channel, masked, and what a test of it gave, or the sending of its code."""

    channel: str
    shown: str
    proven: bool = False
    after: float = 0.0
    answers: bool = False
    ok: bool | None = None
    detail: str = ""


class Channels(Frozen):
    """All channels asked for."""

    channels: tuple[ChannelLine, ...]


SettingsRequest = (
    SetVariable
    | ListVariables
    | ListAgents
    | ForgetMirrors
    | Sweep
    | AddChannel
    | RemoveChannel
    | ListChannels
    | TestChannels
    | SendCode
    | ProveChannel
    | SetReplies
    | SetRules
    | SetDaily
)
