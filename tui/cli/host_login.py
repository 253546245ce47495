"""``castoff host login``: an agent's own login, on a host."""

import subprocess
import sys

import click

from agent.profiles import load_profile
from remote.config import Settings
from remote.hostkeys import HostKeys
from remote.terminal_login import login_command
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_agent, host_argument
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.cli.trust import make_trust

_NOT_FOUND = 127
_SSH_FAILED = 255


@click.command(epilog="\b\nExample:\n  castoff host login vm codex\n")
@host_argument
@click.argument("agent", shell_complete=complete_agent)
@async_command
async def login(out: Output, name: str, agent: str) -> None:
    """Open AGENT's own login on a host, in this terminal.

    The login stays there, where its runs get it: nothing is copied from this machine, and nothing comes back.
    """
    profile = load_profile(agent)
    argv = login_command(Settings().host(name), profile, HostKeys())
    if out.as_json or not sys.stdin.isatty():
        raise NotHere("A login needs a terminal.", "Run it without --json, in a terminal.", code="no-terminal")
    async with open_links(make_trust(out)) as links:
        await links.connect(name)  # what is wrong with the host is told in castoff's words, and its key is pinned
    status = subprocess.run(argv, check=False).returncode  # noqa: ASYNC221 - it has the terminal, and nothing else runs
    if status == _NOT_FOUND:
        program = profile.login_command[0]
        way_out = (
            f"castoff host setup {name} --agent {agent} installs the agent; where {program} is none of it, see to it."
        )
        raise NotHere(f"{program}, which logs {profile.title} in, is not on {name}.", way_out, code="agent-missing")
    if status == _SSH_FAILED:
        raise NotHere(f"ssh could not open a terminal on {name}; it says why above.", code="login-failed")
    if status != 0:
        raise NotHere(f"The login ended with status {status}.", "Try again.", code="login-failed")
    out.say(f"{profile.title} is logged in on {name}, as it says itself. castoff host check {name} looks.")
    out.done(name=name, agent=agent)
