"""``castoff host login``: an agent's own login, on a host."""

import subprocess
import sys

import click

from agent.profiles import load_profile
from remote.config import Settings
from remote.hostkeys import HostKeys
from remote.terminal_login import judge_login, login_command
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_agent, host_argument
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.cli.trust import make_trust


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
    judge_login(name, profile, status)
    out.say(f"{profile.title} is logged in on {name}, as it says itself. castoff host check {name} looks.")
    out.done(name=name, agent=agent)
