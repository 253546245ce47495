"""``castoff wait``: block until a run is at rest in one of the ways asked for."""

import asyncio
from collections.abc import Callable

import click

from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.errors import WaitEnded
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import Target, open_target

_OVER = ("failed", "stopped")


def _is_done(state: SessionState) -> bool:
    """The last prompt's turn came to its own end; a turn that was interrupted is not finished."""
    return state.phase == "finished" and state.turn is None and not state.queue


def _is_idle(state: SessionState) -> bool:
    """Nothing goes on, for whatever reason."""
    waiting = state.phase in ("needs-input", "paused", *_OVER)
    return waiting or (state.phase in ("idle", "finished") and state.turn is None and not state.queue)


UNTIL: dict[str, Callable[[SessionState], bool]] = {
    "finished": _is_done,
    "needs-input": lambda state: state.phase == "needs-input",
    "idle": _is_idle,
}


@click.command(
    epilog="""\b
Examples:
  castoff wait --until finished --timeout 3600
  castoff wait k3v9 --until finished --until needs-input && castoff show k3v9
"""
)
@run_argument
@click.option(
    "--until",
    multiple=True,
    required=True,
    type=click.Choice(list(UNTIL)),
    help="finished: all prompts are answered. needs-input: a question is open. idle: nothing goes on, for whatever "
    "reason. May be given more than once: whichever comes first.",
)
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds to wait at most; by default without end.")
@async_command
async def wait(out: Output, run: str | None, until: tuple[str, ...], timeout: float | None) -> None:
    """Wait until a session or run is finished, needs input or is idle.

    Exit status 1 when the time is over, or when the run failed or was stopped while something else was waited for.
    """
    async with open_target(run) as target:
        try:
            async with asyncio.timeout(timeout):
                state = await _wait(target, until)
        except TimeoutError as error:
            way_out = f"castoff show {target.session_id} shows where it stands."
            raise WaitEnded(f"Not {' or '.join(until)} within {timeout:g} s.", way_out, code="timeout") from error
    reached = next((word for word in until if UNTIL[word](state)), None)
    if reached is None:
        raise WaitEnded(f"The run is {state.phase}. {state.detail}".strip(), code=state.phase)
    out.say(f"{reached}: {target.title} ({target.session_id}, {target.host})")
    out.done(id=target.session_id, reached=reached, phase=state.phase, head_seq=state.head_seq)


async def _wait(target: Target, until: tuple[str, ...]) -> SessionState:
    def reached(state: SessionState) -> bool:
        return state.phase in _OVER or any(UNTIL[word](state) for word in until)

    state = SessionState()
    if target.local is not None:
        # The journal tells without starting a runner that has nothing to do.
        state = await target.read_state()
        if reached(state):
            return state
    return await target.follow(state, reached)
