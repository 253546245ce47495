"""``castoff notify``: where hosts send word to."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import click

from agent.events import Frozen
from remote.errors import RemoteError
from remote.host_protocol import Nothing, Request
from remote.settings_protocol import AddChannel, Channels, ListChannels, RemoveChannel, TestChannels
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_host
from tui.cli.output import Output
from tui.cli.secrets import read_secret
from tui.cli.target import open_links
from tui.cli.trust import make_trust

Body = TypeVar("Body", bound=Frozen)

_host_option = click.option(
    "--host", "hosts", multiple=True, shell_complete=complete_host, help="On this host only; by default on all."
)


@click.group(
    epilog="""\b
Examples:
  castoff notify add                        asks for the URL, without echo
  castoff notify add - --host vm < url.txt
  castoff notify test
"""
)
def notify() -> None:
    """Say where hosts send word when a run is finished, has failed or needs input.

    A channel is an Apprise URL (ntfy://..., mailto://..., and many more). It is kept on the hosts, which send.
    """


@notify.command(epilog="\b\nExample:\n  castoff notify add - --host vm < url.txt\n")
@click.argument("url", required=False)
@_host_option
@async_command
async def add(out: Output, url: str | None, hosts: tuple[str, ...]) -> None:
    """Add a channel. Without URL, or with -, it is read without echo or from standard input.

    A URL often holds a password or a secret topic. As an argument other processes of this machine can see it.
    """
    if url in (None, "-"):
        url = read_secret("Apprise URL: ")
    async with _ask(out, AddChannel(url=url or ""), Nothing, hosts) as answers:
        for name, _ in answers:
            out.say(f"{name}: added. castoff notify test --host {name} tries it.")
            out.record("added", {"host": name})


@notify.command("list", epilog="\b\nExample:\n  castoff notify list\n")
@_host_option
@async_command
async def list_channels(out: Output, hosts: tuple[str, ...]) -> None:
    """List the channels on the hosts, secrets masked."""
    async with _ask(out, ListChannels(), Channels, hosts) as answers:
        _show(out, answers)


@notify.command(epilog="\b\nExample:\n  castoff notify test --host vm\n")
@click.argument("channel", required=False, default="")
@_host_option
@async_command
async def test(out: Output, channel: str, hosts: tuple[str, ...]) -> None:
    """Send a test from each host to its channels, or to CHANNEL only. Exit status 1 when one of them failed."""
    async with _ask(out, TestChannels(channel=channel), Channels, hosts) as answers:
        _show(out, answers)
    lines = [line for _, found in answers for line in found.channels]
    if not lines:
        raise NotHere("No channel is kept on any of the hosts.", "castoff notify add", code="no-channel")
    if not all(line.ok for line in lines):
        raise NotHere("Not every channel took the message.", "The lines above say why.", code="not-sent")


@notify.command(epilog="\b\nExample:\n  castoff notify remove CHANNEL --host vm\n")
@click.argument("channel")
@_host_option
@async_command
async def remove(out: Output, channel: str, hosts: tuple[str, ...]) -> None:
    """Forget CHANNEL, named as the list names it."""
    async with _ask(out, RemoveChannel(channel=channel), Nothing, hosts) as answers:
        for name, _ in answers:
            out.say(f"{name}: removed.")
            out.record("removed", {"host": name})


@asynccontextmanager
async def _ask(
    out: Output, request: Request, body: type[Body], hosts: Sequence[str]
) -> AsyncGenerator[list[tuple[str, Body]]]:
    """The hosts' answers. All are asked; the first error is raised at the end, when what the others said is shown."""
    answers: list[tuple[str, Body]] = []
    failed: RemoteError | None = None
    async with open_links(make_trust(out)) as links:
        names = list(hosts) or [host.name for host in links.settings.hosts()]
        if not names:
            raise NotHere("There is no host yet.", "castoff host add NAME user@address", code="no-host")
        for name in names:
            try:
                answers.append((name, await (await links.client(name)).ask(request, body)))
            except RemoteError as error:
                failed = failed or error
    yield answers
    if failed is not None:
        raise failed


def _show(out: Output, answers: Sequence[tuple[str, Channels]]) -> None:
    rows: list[tuple[str, ...]] = []
    for name, found in answers:
        for line in found.channels:
            out.record("channel", {"host": name, **line.model_dump(mode="json")})
            state = "" if line.ok is None else "sent" if line.ok else f"failed: {line.detail}"
            rows.append((name, line.channel, line.shown, state))
    if rows:
        out.table(("HOST", "CHANNEL", "WHERE", "TEST"), rows)
    else:
        out.say("No channel yet. Add one: castoff notify add")
