"""Which agents are installed on this machine. Runs on hosts, too."""

from agent.profiles import Profile, list_profiles, load_profile
from agent.programs import find_agent, installed_version
from remote.settings_protocol import AgentThere


def find_agents() -> tuple[AgentThere, ...]:
    """The agents of all profiles known on this machine; raises `agent.errors.ProfileError`."""
    return tuple(_find(profile) for profile in list_profiles())


def find_version(agent: str) -> str:
    """The version of ``agent`` on this machine, ``""`` where it cannot be told; raises `ProfileError`."""
    return _find(load_profile(agent)).version


def _find(profile: Profile) -> AgentThere:
    program = find_agent(profile)
    there = AgentThere(name=profile.name, title=profile.title)
    if program is None:
        return there
    return there.model_copy(update={"program": str(program), "version": installed_version(program)})
