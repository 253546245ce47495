"""Where an agent's program is, and the command line that starts it."""

import glob
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.errors import AgentFailed
from agent.paths import data_dir
from agent.profiles import Profile

_TOOL_RECEIPT = "uv-receipt.toml"
"""What uv writes into the environment of a tool that it installs."""


def agents_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Castoff's own directory of agents: one install prefix each, because commands of two agents may share a name."""
    given = environ.get("CASTOFF_DATA")
    return (Path(given) if given else data_dir()) / "agents"


def override_name(profile: Profile) -> str:
    """The variable that names the program itself, e.g. ``CASTOFF_AGENT_CODEX``."""
    return f"CASTOFF_AGENT_{profile.name.upper().replace('-', '_')}"


def find_agent(profile: Profile, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The program that ``profile`` starts, absolute, or ``None`` if it is not installed.

    Looked for in this order: the override variable (which decides alone when it is set), the profile's
    ``find`` globs, PATH. The built-in agent's program is our own interpreter.
    """
    override = environ.get(override_name(profile))
    if override:
        return _executable(Path(override).absolute())
    for pattern in profile.find:
        for match in sorted(agents_dir(environ).absolute().glob(pattern)):
            if found := _executable(match):
                return found
    name = _expand(profile.launch[0], environ)
    on_path = shutil.which(name, path=environ.get("PATH", os.defpath))
    return Path(on_path).absolute() if on_path else None


def agent_command(profile: Profile, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The argument list that starts the agent; raises `AgentFailed` with the install sentence if it is not there."""
    program = find_agent(profile, environ)
    if program is None:
        override = environ.get(override_name(profile))
        why = f" at {override} ({override_name(profile)})" if override else " here"
        way_out = install_sentence(profile, environ)
        raise AgentFailed(f"{profile.title} is not installed{why}.", way_out, code="agent-missing")
    return (*_interpreter(profile, program, environ), str(program), *_arguments(profile, environ))


def install_sentence(profile: Profile, environ: Mapping[str, str] = os.environ) -> str:
    """How to install the agent on this machine; after a colon the command that does it."""
    return _expand(profile.install, environ)


def install_command(profile: Profile, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The argument list that installs the agent on this machine, empty if its profile tells none."""
    return tuple(_expand(word, environ) for word in shlex.split(profile.install.partition(": ")[2]))


def installed_version(program: Path) -> str:
    """The version of the npm package, or of the tool of uv's, that ``program`` belongs to; ``""`` if it has none."""
    real = program.resolve()
    if (real.parent.parent / _TOOL_RECEIPT).is_file():
        return _tool_version(real.parent.parent)
    for directory in real.parents:
        if "node_modules" not in directory.parts:
            break
        try:
            version = json.loads((directory / "package.json").read_bytes()).get("version")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(version, str):
            return version
    return ""


def _tool_version(environment: Path) -> str:
    """The version of the tool that uv keeps in ``environment``, which is called as its package is."""
    package = re.sub(r"[-_.]+", "_", environment.name)
    found = environment.glob(f"lib/python*/site-packages/{glob.escape(package)}-*.dist-info")
    return next((each.name.removesuffix(".dist-info").rpartition("-")[2] for each in found), "")


def _interpreter(profile: Profile, program: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What runs ``program`` if it is in castoff's own directory: another one brings its own or finds it on PATH."""
    own = agents_dir(environ).absolute()
    if not program.is_relative_to(own):
        return ()
    found = (_executable(match) for pattern in profile.interpreter for match in sorted(own.glob(pattern)))
    return tuple(str(each) for each in found if each)[:1]


def _arguments(profile: Profile, environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_expand(word, environ) for word in profile.launch[1:])


def program_roots(program: Path, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The directories or file that must be visible, read-only, for ``program`` to run in a sandbox.

    For one of castoff's own agents its install prefix; for an npm command the prefix that holds
    ``node_modules`` (and, beside it, ``bin/node``); else the file itself, with what links point to.
    """
    own, real = agents_dir(environ).absolute(), program.resolve()
    if program.is_relative_to(own):
        return (own / program.relative_to(own).parts[0],)
    if "node_modules" in real.parts:
        prefix = Path(*real.parts[: real.parts.index("node_modules")])
        return (prefix.parent if prefix.name == "lib" else prefix,)
    return (real,) if program == real else (program, real)


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _expand(word: str, environ: Mapping[str, str]) -> str:
    """Fill in the placeholders of a command line or sentence."""
    if "{agents}" in word:
        word = word.replace("{agents}", str(agents_dir(environ)))
    return word.replace("{python}", sys.executable)
