"""``castoff check``: whether what is kept of sessions is what was written."""

from typing import TYPE_CHECKING

import click

from agent.paths import state_dir
from agent.sessions import session_paths
from tui.cli.edge import async_command
from tui.cli.errors import NotSound
from tui.cli.names import complete_session
from tui.cli.output import Output
from tui.cli.target import open_links
from tui.drawing.words import count

if TYPE_CHECKING:
    from remote.checkup import Checkup


@click.command(
    epilog="""\b
Examples:
  castoff check
  castoff check k3v9 --json
"""
)
@click.argument("session", required=False, shell_complete=complete_session)
@click.option("--here", is_flag=True, help="Ask no host.")
@async_command
async def check(out: Output, session: str | None, here: bool) -> None:
    """Check that the records of SESSION, or of all sessions, are what was written, here and on their hosts.

    Everything is read and hashed again: the journal's chain, manifests, what pulls keep for their undo, what left.
    Nothing is changed. The exit status is 1 when something is wrong; a host that does not answer is only told.
    """
    from agent.sessions import find_session
    from remote.checking import check_session
    from remote.checkup import Checkup, Machine, check_up

    if session is None:
        paths = sorted(session_paths(state_dir()))
    else:
        known = [path for path in session_paths(state_dir()) if path.name.startswith(session)]
        # One that cannot be read is one to check all the same.
        paths = known if len(known) == 1 else [find_session(state_dir(), session).path]
    wrong = 0
    async with open_links() as links:
        for path in paths:
            if here:
                done = Checkup(session_id=path.name, machines=(Machine(host="", findings=check_session(path)),))
            else:
                done = await check_up(path, links)
            _show(out, done)
            wrong += len(done.findings)
    if wrong:
        raise NotSound(f"{count(wrong, 'thing is', 'things are')} not as written.", "Each says above what can be done.")
    out.say(f"{count(len(paths), 'session')} checked; everything is as it was written.")
    out.done(checked=len(paths), findings=0)


def _show(out: Output, done: "Checkup") -> None:
    for machine in done.machines:
        for finding in machine.findings:
            where = f"{machine.host}:{finding.path}" if machine.host else finding.path
            seq = f", event {finding.seq}" if finding.seq is not None else ""
            out.say(f"{done.session_id}: {where}{seq}", "bold red")
            out.say(f"  {finding.sentence} {finding.way_out}")
            out.record("finding", {"session": done.session_id, "host": machine.host, **finding.model_dump()})
    for host in done.unreachable:
        out.say(f"{done.session_id}: {host.host} was not asked: {host.reason} {host.way_out}".rstrip(), "yellow")
        out.record("unreachable", {"session": done.session_id, **host.model_dump()})
