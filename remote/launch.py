"""How an agent is started: here with the user's whole environment, on a host in the run's sandbox."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from agent.errors import AgentFailed
from agent.launch import Launch
from agent.profiles import Profile
from agent.programs import agent_command, program_roots
from agent.sessions import SessionDir
from remote.agent_env import read_env
from remote.errors import RemoteError
from remote.gate_keys import hide_keys, proxy_variables
from remote.gate_settings import PORT, find_named
from remote.levels import maps_paths
from remote.limits import bounded
from remote.place import Beside, Place
from remote.redaction import redact
from remote.sandbox import GATE_AT, RUNTIME_AT, Bind, environment, wrap
from remote.scope import scoped


def launch_here(session: SessionDir, profile: Profile) -> Launch:
    """Start the agent in the project itself; raises `AgentFailed` if project or agent are not there."""
    project = Path(session.info.project)
    if not project.is_dir():
        raise AgentFailed(f"The project {project} is not there.", "Restore it, or pull the run into a new place.")
    env = {name: value for name, value in os.environ.items() if name not in profile.unset}
    env |= profile.variables(session.id)
    tree, home = str(project), Path(session.info.home)
    return Launch(agent_command(profile), env, cwd=project, tree=tree, tree_here=project, home=home, redact=redact)


def launch_on_host(
    session: SessionDir, profile: Profile, place: Place, given: Mapping[str, str], gate: Path | None = None
) -> Launch:
    """Start the agent in the sandbox of its run, with the host's variables and those ``given``, which win.

    At level ``full`` the socket ``gate`` is its way out. Raises `AgentFailed`.
    """
    argv, binds = _command_inside(profile, place)
    try:
        variables = read_env()
        named = find_named(profile, Path.home()) if gate is not None else ()
    except RemoteError as error:
        raise AgentFailed(str(error), error.way_out) from error
    env = {name: value for name, value in {**variables, **given}.items() if name not in profile.unset}
    if gate is not None:
        env = hide_keys(profile.services, env, named) | proxy_variables()
    return Launch(
        scoped(give_way(wrap_in(place, argv, binds, gate))),
        environment_in(place, env | profile.variables(session.id) | GIT_STAT),
        cwd=Path(place.tree),
        tree=place.tree_at,
        tree_here=Path(place.tree),
        home=Path(place.home),
        redact=redact,
    )


GIT_STAT = {
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.checkStat",
    "GIT_CONFIG_VALUE_0": "minimal",
    "GIT_CONFIG_KEY_1": "core.trustctime",
    "GIT_CONFIG_VALUE_1": "false",
}
"""Inode and ctime differ in a copied tree: without this the first ``git status`` there hashes every file."""


def runtime_path() -> Path:
    """Castoff's runtime on this machine: the environment that this interpreter belongs to."""
    return Path(sys.prefix)


def python_inside(place: Place) -> str:
    """Our interpreter as a command in the run's sandbox sees it."""
    if not maps_paths(place.sandbox):
        return sys.executable
    return str(RUNTIME_AT / Path(sys.executable).relative_to(runtime_path()))


def wrap_in(place: Place, argv: Sequence[str], binds: Sequence[Bind] = (), gate: Path | None = None) -> list[str]:
    """The argument list that runs ``argv`` in the run's sandbox, with a way out by ``gate``; raises `AgentFailed`."""
    if gate is not None:
        argv = [python_inside(place), "-I", "-m", "remote.gate_inside", str(GATE_AT), str(PORT), "--", *argv]
        binds = [*binds, Bind(source=gate, at=GATE_AT, writable=True)]
    if place.sandbox != "none":
        argv = bounded(argv)
    try:
        return wrap(
            argv,
            level=place.sandbox,
            tree=Path(place.tree),
            tree_at=place.tree_at,
            home=Path(place.home),
            home_at=place.home_at,
            runtime=runtime_path(),
            base_prefix=Path(sys.base_prefix),
            binds=binds,
            beside=[_beside(each) for each in place.beside],
        )
    except RemoteError as error:
        raise AgentFailed(str(error), error.way_out) from error


def _beside(beside: Beside) -> Bind:
    at = PurePosixPath(beside.at)
    return Bind(source=Path(beside.source), at=at, writable=beside.writable, needed=beside.needed)


def environment_in(place: Place, given: dict[str, str]) -> dict[str, str]:
    """The whole environment of a command in the run's sandbox."""
    return environment(given, level=place.sandbox, home=Path(place.home), home_at=place.home_at, runtime=runtime_path())


_OOM_SCORE = 500
"""Of 1000 (man 5 proc, oom_score_adj); the runner has what its login gave it, mostly 0."""


def give_way(argv: Sequence[str]) -> list[str]:
    """``argv`` so that it, and all that it starts, is ended before the runner where memory runs out (Linux)."""
    if not Path("/proc/self/oom_score_adj").exists():
        return list(argv)
    # What a shell adds to the environment names a directory that is another one in the sandbox.
    script = f'{{ echo {_OOM_SCORE} > /proc/self/oom_score_adj; }} 2>/dev/null; unset PWD OLDPWD; exec "$@"'
    return ["/bin/sh", "-c", script, "sh", *argv]


def agent_binds(profile: Profile) -> list[Bind]:
    """What of this machine must be seen, at its own path, where the agent runs; raises `AgentFailed`."""
    program = agent_command(profile)[0]
    if program == sys.executable:
        return []
    return [Bind(source=root) for root in program_roots(Path(program)) if not root.is_relative_to("/usr")]


def _command_inside(profile: Profile, place: Place) -> tuple[list[str], list[Bind]]:
    argv = list(agent_command(profile))
    if argv[0] == sys.executable:
        argv[0] = python_inside(place)
    return argv, agent_binds(profile)
