"""``castoff handoff``: cast a session off to a host."""

import asyncio
import contextlib
import os
from typing import get_args

import click

from agent.deeds import Deed, Rules
from agent.events import Budget, Policy
from agent.lease import read_lease
from agent.sessions import SessionDir
from remote.steps import Away, HandoffStep, StillHere
from remote.terms import Terms
from snapshot.allowed import SHORTEST_PREFIX
from tui.cli.defaults import fill_in
from tui.cli.driving import Decider, can_ask, confirm, drive
from tui.cli.edge import async_command
from tui.cli.errors import NotMoved
from tui.cli.names import complete_agent, complete_host, complete_session
from tui.cli.output import Output
from tui.cli.prompts import check_text
from tui.cli.step_view import StepView
from tui.cli.target import open_links, pick_departing
from tui.cli.trust import make_trust

_CLASSES = click.Choice(get_args(Deed))


@click.command(
    epilog="""\b
Examples:
  castoff handoff                          to the host that .castoff.toml names
  castoff handoff --host vm
  castoff handoff --host vm --dry-run --json
  castoff handoff --host vm --carry .venv/ --carry "~/notes.md"
  castoff handoff --host vm --agent codex
  castoff handoff k3v9 --host vm --say "Go on; run all tests before you end." --max-usd 5 --yes
"""
)
@click.argument("session", required=False, shell_complete=complete_session)
@click.option("--host", shell_complete=complete_host, help="Where to: a host of castoff host list.")
@click.option("--say", default="", metavar="TEXT", help="A last word to the agent; by default it just goes on.")
@click.option("--max-usd", type=click.FloatRange(min=0, min_open=True), help="Pause the run at this cost.")
@click.option("--max-turns", type=click.IntRange(min=1), help="Pause the run after so many turns.")
@click.option("--max-minutes", type=click.FloatRange(min=0, min_open=True), help="Pause the run after so long.")
@click.option(
    "--policy",
    type=click.Choice(["ask", "accept-edits", "accept-all"]),
    default="accept-all",
    show_default=True,
    help="What the agent may do there without asking.",
)
@click.option(
    "--brief",
    is_flag=True,
    help="Where the agent cannot take its session up there, begin anew with a brief of it instead of going back.",
)
@click.option("--agent", default="", shell_complete=complete_agent, help="Let this agent go on there, from a brief.")
@click.option("--ask", multiple=True, type=_CLASSES, help="Ask for this class of action all the same.")
@click.option("--deny", multiple=True, type=_CLASSES, help="Refuse this class of action.")
@click.option("--leave", multiple=True, metavar="PATH", help="A file or folder of the project that stays here.")
@click.option("--mask", multiple=True, metavar="PATH", help="Send this file with its secrets as asterisks.")
@click.option(
    "--allow-secret",
    multiple=True,
    metavar="DIGITS",
    help="Let a secret travel, by the beginning of its fingerprint; remembered for the project.",
)
@click.option("--carry", multiple=True, metavar="WHAT", help="Take this along, by its name among what stays.")
@click.option("--stop-on-loss", is_flag=True, help="Move nothing if the run would have to do without anything.")
@click.option(
    "--accept-loss",
    multiple=True,
    metavar="WHAT",
    help="Do without this all the same: a name among what stays, or a kind (ignored, outside, command, version, "
    "variable, mcp, process).",
)
@click.option("--install-agent", is_flag=True, help="Install the session's agent on the host if it is not there.")
@click.option("--dry-run", is_flag=True, help="Only tell what would happen; nothing moves and nobody is asked.")
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@async_command
async def handoff(
    out: Output,
    session: str | None,
    host: str | None,
    say: str,
    max_usd: float | None,
    max_turns: int | None,
    max_minutes: float | None,
    policy: Policy,
    brief: bool,
    agent: str,
    ask: tuple[Deed, ...],
    deny: tuple[Deed, ...],
    leave: tuple[str, ...],
    mask: tuple[str, ...],
    allow_secret: tuple[str, ...],
    carry: tuple[str, ...],
    stop_on_loss: bool,
    accept_loss: tuple[str, ...],
    install_agent: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Cast a session off to a host: tree, plan and conversation move, and the same agent carries on there.

    Host and limits that are not given come from the project's .castoff.toml.

    First it shows what travels, what stays and what stands in the way; nothing has changed then. Ctrl-C at any step
    puts things right again and says where the session is. The same command again finishes a move that was cut.

    An agent that cannot take its own session up there gives it back, unless --brief lets it begin anew: castoff writes
    it a brief of what happened, and the run is marked as lossy. --agent crosses to another agent in the same way.

    What looks like a secret stops it, until you leave that file here, send it masked or allow the secret. Paths are
    relative to the project, as they are shown.
    """
    _need_answerer(out, yes or dry_run)
    if install_agent and dry_run:
        raise click.UsageError("--install-agent changes the host, and --dry-run nothing: they are one at a time.")
    moving = pick_departing(session)
    if dry_run:
        _check_held(moving)
    host, budget = fill_in(moving, host, Budget(max_usd=max_usd, max_turns=max_turns, max_minutes=max_minutes))
    terms = Terms(
        say=check_text(say),
        budget=budget,
        policy=policy,
        rules=Rules(ask=ask, deny=deny),
        leave=_in_project(moving, leave),
        mask=_in_project(moving, mask),
        allow_secrets=_check_digits(allow_secret),
    )
    terms = terms.model_copy(update={"brief": brief, "agent": _other_agent(moving, agent)})
    terms = terms.model_copy(update={"carry": carry, "stop_on_loss": stop_on_loss, "accept_loss": accept_loss})
    terms = terms.model_copy(update={"install_on": host if install_agent else ""})
    decider = Decider(f"Cast off to {host}?", "cancel" if dry_run else "go" if yes else None)
    try:
        last = await _hand_off(out, moving, host, terms, decider)
        lacking = decider.blocking.installs if decider.blocking is not None else ""
        if lacking and not (yes or dry_run) and await confirm(f"Install {lacking} on {host} now?"):
            decider = Decider(f"Cast off to {host}?", None)
            last = await _hand_off(out, moving, host, terms.model_copy(update={"install_on": host}), decider)
    except asyncio.CancelledError:
        raise KeyboardInterrupt(_where(moving)) from None
    if isinstance(last, StillHere) and last.code == "cancelled" and dry_run:
        out.say("Nothing was moved: this was a dry run.")
        out.done(dry_run=True, would_go=decider.blocking is None)
        return
    if isinstance(last, StillHere):
        raise decider.refuse(last)
    assert isinstance(last, Away)
    out.say(f"  castoff log {last.run_id} --follow     castoff pull {last.run_id}")
    out.done(id=last.run_id, host=last.host, epoch=last.epoch, seconds=last.seconds)


async def _hand_off(out: Output, session: SessionDir, host: str, terms: Terms, decider: Decider) -> HandoffStep:
    from remote.handoff import hand_off

    async with open_links(make_trust(out)) as links:
        steps = hand_off(session, links.host(host), terms, links)
        with contextlib.closing(StepView(out)) as view:
            return await drive(steps, view, decider.decide)


def _other_agent(session: SessionDir, agent: str) -> str:
    """The agent that goes on there, "" where it is the session's own; raises `agent.errors.ProfileError`."""
    if not agent or agent == session.info.agent:
        return ""
    from agent.profiles import load_profile

    return load_profile(agent).name


def _in_project(session: SessionDir, paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths as they are in the project; raises `click.BadParameter` for one that leads out of it."""
    inside: list[str] = []
    for path in paths:
        relative = os.path.relpath(os.path.join(session.info.project, path), session.info.project)  # noqa: PTH118 - text
        if relative.split("/")[0] in ("..", ".", ".git"):
            raise click.BadParameter(f"{path!r} is no file or folder in the project.")
        inside.append(relative)
    return tuple(inside)


def _check_digits(prefixes: tuple[str, ...]) -> tuple[str, ...]:
    for prefix in prefixes:
        if len(prefix) < SHORTEST_PREFIX or not set(prefix.lower()) <= set("0123456789abcdef"):
            raise click.BadParameter(f"{prefix!r} is no fingerprint: take the digits behind the secret that is shown.")
    return prefixes


def _check_held(session: SessionDir) -> None:
    """A session that is between two machines would be settled first, which is no dry run; raises `NotMoved`."""
    if (lease := read_lease(session)).state != "held":
        raise NotMoved(f"The session is not here: it was offered to {lease.to}.", "Hand it off to settle where it is.")


def _need_answerer(out: Output, yes: bool) -> None:
    if not yes and (out.as_json or not can_ask()):
        raise click.UsageError("Nobody can be asked here: add --yes to go on without a question.")


def _where(session: SessionDir) -> str:
    """Where the session is after an interruption, as the lease on disk says."""
    lease = read_lease(session)
    match lease.state:
        case "held":
            return "Stopped by Ctrl-C; the session is here, as it was."
        case "offered":
            return f"Stopped by Ctrl-C on the way to {lease.to}; the same command again finishes the move."
        case _:
            return f"Stopped by Ctrl-C; the session is on {lease.to} already."
