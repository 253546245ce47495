"""``castoff new``: start a session here."""

from pathlib import Path

import click

from agent.events import Policy
from agent.fold import advance
from agent.state import SessionState
from agent.viewer import Viewer
from tui.cli.edge import async_command
from tui.cli.errors import WaitEnded
from tui.cli.installing import need_agent
from tui.cli.names import complete_agent
from tui.cli.narration import Narrator
from tui.cli.output import Output
from tui.cli.prompts import check_prompt, check_text


@click.command(
    epilog="""\b
Examples:
  castoff new --agent builtin --prompt "Fix the failing test"
  castoff new --prompt "Add a --quiet flag" --policy accept-all --wait
"""
)
@click.option("--agent", default="builtin", show_default=True, shell_complete=complete_agent, help="Agent profile.")
@click.option("--prompt", "text", required=True, help="What the agent is to do.")
@click.option(
    "--policy",
    type=click.Choice(["ask", "accept-edits", "accept-all"]),
    default="ask",
    show_default=True,
    help="What the agent may do without asking.",
)
@click.option("--title", default="", help="How lists call it; by default the beginning of the prompt.")
@click.option("--install-agent", is_flag=True, help="Install the agent here if it is not.")
@click.option("--wait", is_flag=True, help="Show the work and wait until it is done.")
@async_command
async def new(out: Output, agent: str, text: str, policy: Policy, title: str, install_agent: bool, wait: bool) -> None:
    """Start a session in the current directory with a first prompt.

    The agent goes on by itself when this command has ended. With --wait: exit status 0 when the turn is done,
    1 when it failed or the agent needs an answer first.
    """
    from agent.paths import state_dir
    from agent.profiles import load_profile
    from agent.sessions import create_session
    from remote.local import open_local

    profile = load_profile(agent)
    check_prompt(text)
    await need_agent(out, profile, agreed=install_agent)
    session = create_session(state_dir(), Path.cwd(), agent, check_text(title) or _title(text))
    out.record("session", {"id": session.id, "title": session.info.title, "project": session.info.project})
    viewer = await open_local(session)
    try:
        if policy != "ask":
            await viewer.set_policy(policy)
        await viewer.prompt(text)
        if not wait:
            out.say(f"Session {session.id} works on it. castoff log {session.id} --follow shows how.")
            out.done(id=session.id)
            return
        state = await _watch(viewer, out)
    finally:
        await viewer.close()
    if state.phase == "needs-input":
        raise WaitEnded("The agent needs an answer.", f"castoff show {session.id} shows it.", code="needs-input")
    if state.phase != "finished":
        raise WaitEnded(f"The session is {state.phase}. {state.detail}".strip(), code=state.phase)
    out.done(id=session.id, phase=state.phase)


async def _watch(viewer: Viewer, out: Output) -> SessionState:
    """Show events until the first turn is over, or cannot go on by itself."""
    state, narrator = SessionState(), Narrator(out)
    async for events in viewer.batches():
        for event in events:
            narrator.take(event)
            out.record("event", event)
        state = advance(state, events)
        done = state.turns > 0 and state.turn is None and not state.queue and state.phase != "working"
        if done or state.phase in ("failed", "needs-input", "paused", "stopped"):
            break
    narrator.end()
    return state


def _title(text: str) -> str:
    first = text.strip().splitlines()[0]
    return first if len(first) <= 60 else first[:59] + "…"
