"""``castoff resume``: let a session go on, by a brief or with another agent where that is wished."""

import click

from agent.lease import read_lease
from agent.sessions import SessionDir, change_agent
from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import complete_agent, run_argument
from tui.cli.output import Output
from tui.cli.target import Target, open_target

_DRAIN_SECONDS = 20.0


@click.command(
    epilog="""\b
Examples:
  castoff resume k3v9
  castoff resume k3v9 --brief
  castoff resume k3v9 --agent codex
"""
)
@run_argument
@click.option("--brief", is_flag=True, help="Begin anew with a brief, where the agent cannot take its session up.")
@click.option("--agent", default="", shell_complete=complete_agent, help="Let this agent go on, from a brief.")
@async_command
async def resume(out: Output, run: str | None, brief: bool, agent: str) -> None:
    """Let a session or run go on that was paused, cut off, or that its agent could not take up.

    With --agent another agent goes on with a session that is here. An agent that begins anew knows what happened from a
    brief alone, and the session is marked as lossy.
    """
    async with open_target(run) as target:
        crossed = bool(agent) and await _cross(target, agent)
        state = await target.read_state()
        rests = state.interrupted_turn is None and state.phase not in ("paused", "failed")
        if not (crossed and rests):
            async with target.attach() as viewer:
                await viewer.resume(brief=brief)
            state = await target.read_state()
    _tell(out, target, state, crossed=crossed)


def _tell(out: Output, target: Target, state: SessionState, *, crossed: bool) -> None:
    if crossed:
        out.say(f"Another agent goes on with {target.title} from a brief; castoff send {target.session_id} prompts it.")
    else:
        out.say(f"{target.title} goes on ({target.session_id}, {target.host}).")
    out.done(id=target.session_id, phase=state.phase)


async def _cross(target: Target, agent: str) -> bool:
    """Whether the session has another agent now; raises `agent.errors.AgentError`, `NotHere`."""
    from agent.profiles import load_profile
    from agent.programs import agent_command
    from remote.local import quiet

    session = _held_here(target)
    if session.info.agent == agent:
        return False
    agent_command(load_profile(agent))
    async with quiet(session, _DRAIN_SECONDS):
        change_agent(session, agent)
    return True


def _held_here(target: Target) -> SessionDir:
    if target.local is None or read_lease(target.local).state != "held":
        way_out = f"castoff pull {target.session_id} brings it home; castoff handoff --agent takes another agent along."
        raise NotHere(f"The session is on {target.host}.", way_out, code="not-here")
    return target.local
