"""``castoff notify``: where hosts send word to."""

import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click

from agent.events import Frozen, Notified
from agent.sanitise import clean
from remote.config import Settings
from remote.errors import RemoteError
from remote.host_protocol import Nothing, Request
from remote.rules import Rules
from remote.settings_protocol import (
    AddChannel,
    ChannelLine,
    Channels,
    ListChannels,
    ProveChannel,
    RemoveChannel,
    SendCode,
    SetReplies,
    SetRules,
    TestChannels,
)
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.history import read_history
from tui.cli.names import complete_host, run_argument
from tui.cli.output import Output
from tui.cli.secrets import read_secret
from tui.cli.target import open_links, open_target
from tui.cli.trust import make_trust

Body = TypeVar("Body", bound=Frozen)
_TRIES = 3

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

    A channel is an Apprise URL (ntfy://..., mailto://..., and many more). It is kept on the hosts, which send, and is
    believed when you typed back a code that came over it.
    """


@notify.command(epilog="\b\nExample:\n  castoff notify add - --host vm < url.txt\n")
@click.argument("url", required=False)
@click.option(
    "--after", type=click.FloatRange(0), default=0.0, help="Only after MINUTES without contact.", metavar="MINUTES"
)
@_host_option
@async_command
async def add(out: Output, url: str | None, after: float, hosts: tuple[str, ...]) -> None:
    """Add a channel. Without URL, or with -, it is read without echo or from standard input.

    Each host sends a code of four digits there; nothing else goes there before you typed it back, for services say
    "sent" of what nobody gets.

    A URL often holds a password or a secret topic. As an argument other processes of this machine can see it.
    """
    if url in (None, "-"):
        url = read_secret("Apprise URL: ")
    async with _ask(out, lambda name: AddChannel(url=url or "", after=after, host=name), Channels, hosts) as answers:
        await _go_on(out, answers)


@notify.command(epilog="\b\nExample:\n  castoff notify code CHANNEL --host vm\n")
@click.argument("channel")
@_host_option
@async_command
async def code(out: Output, channel: str, hosts: tuple[str, ...]) -> None:
    """Send a new code over CHANNEL, and ask for it where somebody is there to type it."""
    async with _ask(out, lambda name: SendCode(channel=channel, host=name), Channels, hosts) as answers:
        await _go_on(out, answers)


@notify.command(epilog="\b\nExample:\n  castoff notify confirm CHANNEL 0417 --host vm\n")
@click.argument("channel")
@click.argument("code")
@_host_option
@async_command
async def confirm(out: Output, channel: str, code: str, hosts: tuple[str, ...]) -> None:
    """Type back the CODE that came over CHANNEL: from then on notifications go there."""
    await _confirm(out, channel, code, hosts)


@notify.command(epilog="\b\nExample:\n  castoff notify answers CHANNEL --token --host vm\n")
@click.argument("channel")
@click.option("--off", is_flag=True, help="No answers by it any more.")
@click.option("--token", "asks", is_flag=True, help="Ask, without echo, for the ntfy token that buttons publish with.")
@click.option("--from", "sender", default="", metavar="@YOU:SERVER", help="The Matrix user whose lines are answers.")
@_host_option
@async_command
async def answers(out: Output, channel: str, off: bool, asks: bool, sender: str, hosts: tuple[str, ...]) -> None:
    """Let answers come by CHANNEL, from your phone: ntfy's buttons, or lines in a Matrix room. Off unless you say so.

    Whoever can read the channel can press its buttons. Give buttons a token that may only write, to topics that begin
    with the channel's own.
    """
    token = read_secret("Token for the buttons: ") if asks and not off else ""
    request = SetReplies(channel=channel, on=not off, token=token, sender=sender)
    async with _ask(out, lambda _: request, Channels, hosts) as found:
        for name, body in found:
            for line in body.channels:
                out.record("channel", {"host": name, **line.model_dump(mode="json")})
                out.say(f"{name}: {line.shown}: answers {'come' if line.answers else 'do not come'} by it.")


@notify.command("set", epilog="\b\nExample:\n  castoff notify set --quiet 22:00-07:00 --zone Europe/Berlin\n")
@click.option("--quiet", metavar="HH:MM-HH:MM", help="What happens then is told at its end; '' for never.")
@click.option("--zone", help="The time zone of that clock, as Europe/Berlin.")
@click.option("--burst", type=click.IntRange(1), help="More messages than this in ten minutes are sent as one.")
@click.option(
    "--silent-minutes", type=click.FloatRange(0), help="No news of a run at work for so long is news; 0: never."
)
@click.option("--click", "opens", metavar="URL", help="What a tap on the message opens, as ssh://vm.example.org.")
@click.option("--details/--no-details", default=None, help="Tell the agent's words and commands too.")
@_host_option
@async_command
async def set_rules(out: Output, hosts: tuple[str, ...], opens: str | None, **given: str | float | bool | None) -> None:
    """Say when and how hosts send word; without options, show it."""
    if given["quiet"] and not given["zone"]:
        given["zone"] = _zone_here()
    changes = {name: value for name, value in {**given, "click": opens}.items() if value is not None}
    async with _ask(out, lambda _: SetRules(changes=changes), Rules, hosts) as answers:
        for name, rules in answers:
            out.record("rules", {"host": name, **rules.model_dump(mode="json")})
            said = [f"{key.replace('_', '-')} {value}" for key, value in rules.model_dump().items() if value != ""]
            out.say(f"{name}: {', '.join(said)}")


@notify.command("list", epilog="\b\nExample:\n  castoff notify list\n")
@_host_option
@async_command
async def list_channels(out: Output, hosts: tuple[str, ...]) -> None:
    """List the channels on the hosts, secrets masked."""
    async with _ask(out, lambda _: ListChannels(), Channels, hosts) as answers:
        _show(out, answers)


@notify.command(epilog="\b\nExample:\n  castoff notify test --host vm\n")
@click.argument("channel", required=False, default="")
@_host_option
@async_command
async def test(out: Output, channel: str, hosts: tuple[str, ...]) -> None:
    """Send a test from each host to its channels, or to CHANNEL only. Exit status 1 when one of them failed."""
    async with _ask(out, lambda _: TestChannels(channel=channel), Channels, hosts) as answers:
        _show(out, answers)
    lines = [line for _, found in answers for line in found.channels]
    if not lines:
        raise NotHere("No channel is kept on any of the hosts.", "castoff notify add", code="no-channel")
    if not all(line.ok for line in lines):
        raise NotHere("Not every channel took the message.", "The lines above say why.", code="not-sent")


@notify.command("log", epilog="\b\nExample:\n  castoff notify log k3v9\n")
@run_argument
@async_command
async def show_log(out: Output, run: str | None) -> None:
    """Show what became of each notification of a session or run, channel by channel."""
    async with open_target(run) as target:
        told = [event for event in await read_history(target) if isinstance(event, Notified)]
    for event in told:
        out.record("delivery", event)
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at)),
            event.about,
            clean(event.channel, single_line=True),
            "sent" if event.ok else clean(f"failed: {event.detail}", single_line=True),
            clean(event.notification_id, single_line=True),
        )
        for event in told
    ]
    if rows:
        out.table(("WHEN", "ABOUT", "CHANNEL", "OUTCOME", "ID"), rows)
    else:
        out.say("No notification was sent for it.")


@notify.command(epilog="\b\nExample:\n  castoff notify remove CHANNEL --host vm\n")
@click.argument("channel")
@_host_option
@async_command
async def remove(out: Output, channel: str, hosts: tuple[str, ...]) -> None:
    """Forget CHANNEL, named as the list names it."""
    async with _ask(out, lambda _: RemoveChannel(channel=channel), Nothing, hosts) as answers:
        for name, _ in answers:
            out.say(f"{name}: removed.")
            out.record("removed", {"host": name})


def _name_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The hosts named, or all; raises `NotHere` if there is none."""
    names = tuple(hosts) or tuple(host.name for host in Settings().hosts())
    if not names:
        raise NotHere("There is no host yet.", "castoff host add NAME user@address", code="no-host")
    return names


def _zone_here() -> str | None:
    """The name of this machine's time zone, where it says it."""
    _, found, name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
    return name if found else None


async def _go_on(out: Output, answers: Sequence[tuple[str, Channels]]) -> None:
    """Say what became of the codes, then ask for one after the other."""
    lines = [(name, line) for name, found in answers for line in found.channels]
    for name, line in lines:
        out.record("added", {"host": name, **line.model_dump(mode="json")})
        state = (
            "it is believed" if line.proven else "a code was sent" if line.ok else f"no code was sent. {line.detail}"
        )
        out.say(f"{name}: {line.shown}: {state}")
    for name, line in lines:
        await _prove(out, name, line)


async def _prove(out: Output, host: str, line: ChannelLine) -> None:
    """Ask for the code that was sent, or say how it is typed back later."""
    if line.proven or not line.ok:
        return
    if out.as_json or not sys.stdin.isatty():
        out.say(f"Nothing else is sent there before: castoff notify confirm {line.channel} CODE --host {host}")
        return
    for left in reversed(range(_TRIES)):
        try:
            await _confirm(out, line.channel, click.prompt(f"Code that {host} sent there"), (host,))
        except RemoteError as error:
            if error.code != "code-wrong" or not left:
                raise
            out.say(str(error))
        else:
            return


async def _confirm(out: Output, channel: str, code: str, hosts: Sequence[str]) -> None:
    async with _ask(out, lambda _: ProveChannel(channel=channel, code=code), Channels, hosts) as answers:
        for name, _ in answers:
            out.say(f"{name}: believed. Notifications go there from now on.")
            out.record("proven", {"host": name, "channel": channel})


@asynccontextmanager
async def _ask(
    out: Output, request: Callable[[str], Request], body: type[Body], hosts: Sequence[str]
) -> AsyncGenerator[list[tuple[str, Body]]]:
    """The hosts' answers to ``request(name)``. All are asked; the first error is raised at the end, when what the
    others said is shown."""
    answers: list[tuple[str, Body]] = []
    failed: RemoteError | None = None
    async with open_links(make_trust(out)) as links:
        for name in _name_hosts(hosts):
            try:
                answers.append((name, await (await links.client(name)).ask(request(name), body)))
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
            believed = "yes" if line.proven else "no: castoff notify code"
            when = f"after {line.after:g} min" if line.after else "at once"
            when += ", answers" if line.answers else ""
            rows.append((name, line.channel, line.shown, believed, when, state))
    if rows:
        out.table(("HOST", "CHANNEL", "WHERE", "BELIEVED", "USED", "TEST"), rows)
    else:
        out.say("No channel yet. Add one: castoff notify add")
