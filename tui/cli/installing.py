"""An agent that a command needs here is installed, if a person agrees to it."""

import asyncio

from agent.profiles import Profile
from agent.programs import agent_command
from tui.cli.driving import can_ask, confirm
from tui.cli.errors import NotHere
from tui.cli.output import Output


async def need_agent(out: Output, profile: Profile, *, agreed: bool) -> None:
    """See that the agent is here: installed now where that was agreed to, or is when asked.

    Raises `NotHere` where it is not agreed to, `agent.errors.AgentFailed` where castoff cannot install it,
    `remote.errors.AgentInstallFailed`.
    """
    from remote.agent_install import install_agent
    from remote.agent_offer import can_install, tell_cost

    if not can_install(profile):
        agent_command(profile)
        return
    cost = tell_cost(profile)
    if not agreed and not out.as_json and can_ask():
        agreed = await confirm(f"{profile.title} is not installed here. It takes {cost}. Install it now?")
    if not agreed:
        way_out = f"With --install-agent it is installed: {cost}."
        raise NotHere(f"{profile.title} is not installed here.", way_out, code="agent-missing")
    loop = asyncio.get_running_loop()

    def report(said: str) -> None:
        loop.call_soon_threadsafe(out.say, said)

    await asyncio.to_thread(install_agent, profile, report)
