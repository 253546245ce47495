"""Which agents are installed on this machine. Runs on hosts, too."""

import re

from agent.profiles import Profile, list_profiles, load_profile
from agent.programs import find_agent, installed_version
from agent.versions import is_older
from remote.settings_protocol import AgentThere

_NUMBER = re.compile(r"\d+(?:\.\d+)+")


def find_agents() -> tuple[AgentThere, ...]:
    """The agents of all profiles known on this machine; raises `agent.errors.ProfileError`."""
    return tuple(find_there(profile) for profile in list_profiles())


def find_version(agent: str) -> str:
    """The version of ``agent`` on this machine, ``""`` where it cannot be told; raises `ProfileError`."""
    return find_there(load_profile(agent)).version


def find_there(profile: Profile) -> AgentThere:
    """The agent of one profile, installed or not."""
    program = find_agent(profile)
    there = AgentThere(name=profile.name, title=profile.title)
    if program is None:
        return there
    return there.model_copy(update={"program": str(program), "version": installed_version(program)})


def tell_age(profile: Profile, said: str) -> str:
    """A sentence if an agent that ``said`` this of its version is older than what its profile was made for."""
    known, number = _NUMBER.search(profile.version_hint), _NUMBER.search(said)
    if known is None or number is None or not is_older(number[0], known[0]):
        return ""
    return f"{profile.title} {number[0]} is too old: castoff knows {known[0]} and later to work."
