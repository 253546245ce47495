"""``castoff demo``: the whole journey on one machine."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.lease import Lease
from agent.overview import look_over
from agent.paths import state_dir
from agent.sessions import SessionDir, create_session
from tui.cli.edge import command_edge
from tui.cli.errors import NotMoved
from tui.cli.output import Output

if TYPE_CHECKING:
    from remote.demo import Demo

_LOOK_SECONDS = 0.2


@click.command(
    epilog="""\b
Examples:
  castoff demo               on screen; run it again to reattach
  castoff demo --headless    the same journey, told in lines
  castoff demo --reset       removes every trace
"""
)
@click.option("--headless", is_flag=True, help="Tell the journey in lines, without a screen.")
@click.option("--reset", is_flag=True, help="End the demo's processes and remove its directory.")
@click.option("--pace", type=click.FloatRange(min=0), default=1.0, help="Factor on the model's pauses; 0 is none.")
@command_edge
def demo(out: Output, headless: bool, reset: bool, pace: float) -> None:
    """See the whole journey: no key, no cloud, no second machine.

    The model is scripted and says so; the agent, its edits and tests, the SSH host and the move are real. Everything
    lies in one directory of its own; your settings and sessions are not touched.
    """
    from remote.demo import run_demo_headless, start_demo, stop_demo

    def report(line: str) -> None:
        out.say(line)
        out.record("progress", {"detail": line})

    if reset:
        asyncio.run(stop_demo())
        out.say("The demo is gone, and everything it made.")
    elif headless:
        if asyncio.run(run_demo_headless(report, pace=pace)) != 0:
            raise NotMoved("The demo did not come to its end.", "The lines above say where it stopped.", code="demo")
    elif out.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("The demo's screen needs a terminal; castoff demo --headless does without.")
    else:
        ready = asyncio.run(start_demo(pace=pace, report=report))
        _show(out, ready)


def _show(out: Output, demo: "Demo") -> None:
    """The app on the demo's session; afterwards the phone, if the session is on its host then."""
    from remote.inbox import read_inbox
    from tui.app import run_app

    os.environ.update(demo.env)
    asyncio.run(_begin(demo.project))
    told = len(read_inbox(demo.inbox))
    run_app(demo.project, demo=True)
    away = [s.id for s, lease in _sessions(demo.project) if lease.state in ("offered", "away")]
    if away:
        out.say("The session is on its host and goes on there; this terminal has no part in it.")
        _watch_phone(out, demo.inbox, told, away)
        out.say("castoff demo (or make demo) reattaches.")
    else:
        out.say("The session is here. castoff demo (or make demo) opens it again.")
    out.say("castoff demo --reset removes every trace.")


async def _begin(project: Path) -> None:
    """Give the agent its task, unless the demo has a session already."""
    if _sessions(project):
        return
    from agent.demo_model.project import DEMO_TASK
    from remote.local import open_local

    session = create_session(state_dir(), project, "builtin", "Mend the kettle")
    viewer = await open_local(session)
    try:
        await viewer.set_policy("accept-all")
        await viewer.prompt(DEMO_TASK)
    finally:
        await viewer.close()


def _watch_phone(out: Output, inbox: Path, told: int, away: list[str]) -> None:
    """Show what has arrived since ``told`` messages; wait for word of the runs ``away`` of which none came yet."""
    from remote.inbox import read_inbox

    out.say("Your phone (Ctrl-C puts it away):", "bold")
    try:
        while True:
            messages = read_inbox(inbox)
            for message in messages[told:]:
                out.say(f"  {message.title}", "bold")
                out.say("\n".join(f"  {line}" for line in message.body.splitlines()))
            told = len(messages)
            if all(any(run in message.body for message in messages) for run in away):
                return
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        out.say("")


def _sessions(project: Path) -> list[tuple[SessionDir, Lease]]:
    return [each for each in look_over(state_dir()).whole if each[0].info.project == str(project)]
