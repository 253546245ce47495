"""``castoff reclaim``: take a session back by force, from a host that is gone."""

import click

from agent.lease import read_lease
from agent.sanitise import clean
from tui.cli.driving import ask_line, can_ask
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_session
from tui.cli.output import Output
from tui.cli.target import open_links

_WORD = "reclaim"


@click.command(
    epilog="""\b
Examples:
  castoff reclaim k3v9
  castoff reclaim k3v9 --yes
"""
)
@click.argument("session", shell_complete=complete_session)
@click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@async_command
async def reclaim(out: Output, session: str, yes: bool) -> None:
    """Take a session back by force when its host is lost for good. castoff pull is the way while the host answers.

    The session goes on here where it was handed off; what the run did since stays on the host and is not merged.
    If the host is still alive it stops the run as soon as it hears of this: at the next castoff runs, or handoff
    to it, that reaches it. Until then it may go on working and spending there; nothing of that can come home.
    """
    from agent.paths import state_dir
    from agent.sessions import find_session
    from remote.reclaim import is_half_pulled
    from remote.reclaim import reclaim as take_by_force

    if not yes and (out.as_json or not can_ask()):
        raise click.UsageError("Nobody can be asked here: add --yes to go on without a question.")
    found = find_session(state_dir(), session)
    lease = read_lease(found)
    if lease.state not in ("offered", "away") and not lease.to:
        raise NotHere("The session is here already.", "castoff runs shows where each one is.", code="already-here")
    if not yes and await ask_line(_explain(found.id, lease.to)) != _WORD:
        out.say("Nothing was changed.")
        out.done(id=found.id, reclaimed=False)
        return
    half = is_half_pulled(found)
    async with open_links() as links:
        done = await take_by_force(found, links)
    out.say(f"{found.info.title} ({found.id}) is held here again, at epoch {done.epoch}.")
    if done.untold:
        out.say(f"{done.host} could not be told: {done.untold} castoff runs tells it once it answers.")
    else:
        out.say(f"{done.host} was told and runs nothing of it any more.")
    if half:
        out.say("A pull had begun to change the tree here: castoff undo takes that back.")
    out.done(id=found.id, reclaimed=True, epoch=done.epoch, told=not done.untold, half_pulled=half)


def _explain(session_id: str, host: str) -> str:
    return (
        f"{session_id} was handed off to {clean(host, single_line=True)}. Taking it back by force leaves there what "
        "the run did since; it is not merged.\nWhile the host answers, castoff pull brings everything home.\n"
        f"Type {_WORD} to take it back all the same: "
    )
