"""The host looks itself over."""

import asyncio
import os
import shutil
import time
from pathlib import Path

from agent.paths import state_dir
from agent.profiles import Profile, list_profiles
from remote.agent_env import read_env
from remote.agents import find_there, tell_age
from remote.facts import Facts, collect_facts
from remote.gate_settings import find_named
from remote.probe import find_programs
from remote.revive import tell_restart
from remote.root_commands import INSTALLERS, root_commands
from remote.scope import lingers
from remote.survey_records import AgentSurveyed, Login, Peek, Survey, Surveyed
from remote.tools import Program

_TOOLS = ("git", "rsync", "tmux", "bwrap", "python3", "node", "npm", "uv", "cargo", "go", "gcc", "make", "docker")
_USERNS_KEPT = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


async def survey(_: Survey) -> Surveyed:
    """Everything that a user may want to know before a run goes there; nothing is changed."""
    return await asyncio.to_thread(_survey)


async def peek(_: Peek) -> Facts:
    """What is there, in a moment."""
    return await asyncio.to_thread(collect_facts, state_dir())


def _survey() -> Surveyed:
    facts = collect_facts(state_dir())
    variables = read_env()
    memory, memory_free = _memory()
    return Surveyed(
        user=facts.user,
        system=facts.system,
        python=facts.python,
        free=facts.free,
        memory=memory,
        memory_free=memory_free,
        load=facts.load,
        processors=facts.processors,
        tools=tuple(Program.model_validate(found) for found in find_programs(_TOOLS, {*_TOOLS} - {"tmux"})),
        sandbox=facts.sandbox,
        sandbox_detail=facts.sandbox_detail,
        lingers=lingers(),
        restart=tell_restart(state_dir()),
        agents=tuple(_agent(profile, variables) for profile in list_profiles()),
        variables=tuple(sorted(variables)),
        root=_root(facts),
        now=time.time(),
    )


def _root(facts: Facts) -> tuple[str, ...]:
    """What root would have to do here, once."""
    installer = next((name for name in INSTALLERS if shutil.which(name)), "")
    missing = [*facts.missing, *([] if facts.bwrap else ["bwrap"])]
    kept = bool(facts.bwrap) and facts.sandbox == "none" and _reads_one(_USERNS_KEPT)
    has_systemd = shutil.which("loginctl") is not None
    return root_commands(installer, missing, user=facts.user, lingers=lingers() or not has_systemd, userns_kept=kept)


def _reads_one(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except FileNotFoundError:
        return False


def _memory() -> tuple[int, int | None]:
    """Bytes of memory, and of those that programs could have now (man 5 proc, MemAvailable)."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except FileNotFoundError:
        return total, None
    free = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return total, int(free) * 1024 if free else None


def _agent(profile: Profile, variables: dict[str, str]) -> AgentSurveyed:
    there = find_there(profile)
    version = there.version
    if there.program and not version and profile.name != "builtin":
        (found,) = find_programs([there.program], {there.program})
        version = str(found["version"])
    told = there.model_dump() | {"version": version, "too_old": tell_age(profile, version)}
    return AgentSurveyed(login=_login(profile, variables), **told)


def _login(profile: Profile, variables: dict[str, str]) -> Login:
    """Whether the agent's own login is in HOME, or a key for it among the variables.

    For the built-in agent, whether its model and key are set.
    """
    if profile.name == "builtin":
        from agent.builtin.model import check_model

        return "yes" if check_model(variables) is None else "no"
    keys = (*profile.services, *find_named(profile, Path.home()))
    if any(variables.get(each.key) for each in keys):
        return "yes"
    if not profile.login_files:
        return "unknown"
    return "yes" if any(True for glob in profile.login_files for _ in Path.home().glob(glob)) else "no"
