"""What the doctor looks at on this machine: one finding for each thing, in words, with a way out."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from agent.errors import AgentError, AgentFailed
from agent.events import Frozen
from agent.paths import config_dir, state_dir
from remote.errors import RemoteError

Grade = Literal["ok", "note", "bad"]
"""``note``: something that only some of castoff needs; ``bad``: it stands in the way of everything."""


class Finding(Frozen):
    """One thing looked at, as a sentence."""

    about: str
    grade: Grade
    sentence: str
    way_out: str = ""
    blame: str = ""
    """Of a host that cannot be reached: a `remote.opinion.Blame`."""


_PROGRAMS = (
    ("git", "--version", "the diff pane and the repository's part of a move"),
    ("rsync", "--version", "moving a tree to a host and back"),
    ("tmux", "-V", "being a host, as in castoff demo"),
    ("bwrap", "--version", "the sandbox of a run on this machine, as in castoff demo"),
)


def examine() -> Iterator[Finding]:
    """Look at everything on this machine that castoff uses; nothing is changed, nothing is sent."""
    version = sys.version.split()[0]
    yield Finding(about="python", grade="ok", sentence=f"Python {version} at {sys.executable}.")
    for name, flag, use in _PROGRAMS:
        yield _program(name, flag, use)
    yield _folder("state", state_dir)
    yield _folder("settings", config_dir)
    yield from _guarded("hosts", _hosts)
    yield from _guarded("agents", _agents)
    yield from _guarded("model", _model)
    yield from _guarded("sessions", _sessions)


def _guarded(about: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What ``look`` finds; an error of ours or of the system is a finding too."""
    try:
        yield from look()
    except (AgentError, RemoteError) as error:
        yield Finding(about=about, grade="bad", sentence=str(error), way_out=error.way_out)
    except OSError as error:
        yield Finding(about=about, grade="bad", sentence=f"{error}.")


def _program(name: str, flag: str, use: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        way_out = f"Install it (package {'bubblewrap' if name == 'bwrap' else name})."
        return Finding(
            about=name, grade="note", sentence=f"{name} is missing; it is needed for {use}.", way_out=way_out
        )
    try:
        said = subprocess.run([path, flag], capture_output=True, text=True, errors="replace", timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        sentence = f"{path} does not work ({error}); it is needed for {use}."
        return Finding(about=name, grade="note", sentence=sentence, way_out="Install it anew.")
    if name == "rsync" and (fault := _rsync_fault(path, said.stdout)) is not None:
        return fault
    first = said.stdout.strip().splitlines()
    return Finding(about=name, grade="ok", sentence=f"{first[0] if first else name} at {path}.")


def _rsync_fault(path: str, said: str) -> Finding | None:
    """What this rsync is not good for."""
    from remote.rsync_output import INSTALL_SAFE_RSYNC, SAFE_TO_RECEIVE, parse_version

    version = parse_version(said)
    if version is not None and version.number >= SAFE_TO_RECEIVE:
        return None
    if version is None:
        sentence = f"{path} is not the original rsync; nothing can be moved with it."
    else:
        sentence = (
            f"rsync {version} at {path} is not safe against what a hostile host may send: a session can go to a host, "
            "and cannot be pulled home."
        )
    return Finding(about="rsync", grade="note", sentence=sentence, way_out=INSTALL_SAFE_RSYNC)


def _folder(about: str, find: Callable[[], Path]) -> Finding:
    try:
        path = find()
    except OSError as error:
        return Finding(about=about, grade="bad", sentence=f"No place for {about}: {error}.", way_out="Check its owner.")
    if not os.access(path, os.W_OK):
        return Finding(about=about, grade="bad", sentence=f"{path} cannot be written.", way_out="Check its owner.")
    return Finding(about=about, grade="ok", sentence=f"{about} in {path}, private to you.")


def _hosts() -> Iterator[Finding]:
    from remote.config import Settings

    hosts = Settings().hosts()
    names = ", ".join(host.name for host in hosts)
    sentence = f"Hosts: {names}." if hosts else "No host is known yet."
    yield Finding(
        about="hosts",
        grade="ok" if hosts else "note",
        sentence=sentence,
        way_out="castoff host check NAME looks at one." if hosts else "castoff host add NAME user@address",
    )


async def examine_host(name: str) -> Finding:
    """Connect to one host; where that fails, who is to blame."""
    from remote.config import Settings
    from remote.connection import connect
    from remote.errors import ConnectError
    from remote.opinion import ask_again
    from tui.cli.driving import ask_passphrase, can_ask

    about = f"host {name}"
    try:
        host = Settings().host(name)
    except RemoteError as error:
        return Finding(about=about, grade="bad", sentence=str(error), way_out=error.way_out)
    try:
        async with await connect(host, passphrase=ask_passphrase if can_ask() else None) as connection:
            return Finding(about=about, grade="ok", sentence=f"{name} answers in {connection.rtt * 1000:.0f} ms.")
    except ConnectError as error:
        opinion = await asyncio.to_thread(ask_again, host, error)
        sentence = f"{error} {opinion.sentence}"
        way_out = opinion.way_out or error.way_out
        return Finding(about=about, grade="bad", sentence=sentence, way_out=way_out, blame=opinion.blame)
    except RemoteError as error:
        return Finding(about=about, grade="bad", sentence=str(error), way_out=error.way_out)


def _agents() -> Iterator[Finding]:
    from agent.profiles import list_profiles
    from agent.programs import agent_command, find_agent

    for profile in list_profiles():
        about = f"agent {profile.name}"
        try:
            agent_command(profile)
            program = find_agent(profile)
        except AgentFailed as error:
            yield Finding(about=about, grade="note", sentence=str(error), way_out=error.way_out)
        else:
            yield Finding(about=about, grade="ok", sentence=f"{profile.title} at {program}.")


def _model() -> Iterator[Finding]:
    from agent.builtin.model import check_model
    from remote.agent_env import read_env

    fault = check_model({**os.environ, **read_env()})
    if fault is None:
        yield Finding(about="model", grade="ok", sentence="The built-in agent's model is chosen and its key is there.")
    else:
        yield Finding(about="model", grade="note", sentence=f"The built-in agent cannot work: {fault}")


def _sessions() -> Iterator[Finding]:
    from agent.overview import look_over

    overview = look_over(state_dir())
    away = sum(lease.state in ("offered", "away") for _, lease in overview.whole)
    yield Finding(about="sessions", grade="ok", sentence=f"{len(overview.whole)} sessions, {away} of them on hosts.")
    for each in overview.damaged:
        yield Finding(about="sessions", grade="bad", sentence=str(each))
