"""An agent that is not on this machine is offered for installation: what it takes, and where it would be. Runs on
hosts, too; nothing is installed without a user's word."""

import os
import shlex

from agent.errors import ProfileError
from agent.profiles import Profile, load_profile
from agent.programs import agents_dir, find_agent, install_command, override_name

MISSING = "agent-missing"
"""The code of the error that an agent is not there (`agent.programs.agent_command`)."""


def can_install(profile: Profile) -> bool:
    """Whether castoff could install an agent that is not here; one that a variable names, it would not find."""
    named = os.environ.get(override_name(profile))
    return bool(not named and profile.find and install_command(profile)) and find_agent(profile) is None


def find_offer(agent: str) -> str:
    """What installing an agent here would take, "" where it is here or castoff cannot install it."""
    try:
        profile = load_profile(agent)
    except ProfileError:
        return ""  # whoever starts it says so
    return f"{profile.title} takes {tell_cost(profile)}." if can_install(profile) else ""


def tell_cost(profile: Profile) -> str:
    """The command that installs it, what it takes on disk, and where: the end of a sentence."""
    takes = f"about {profile.megabytes} MB in " if profile.megabytes else ""
    return f"{takes}{agents_dir()}, by {shlex.join(install_command(profile))}"
