"""``castoff set``: the model, the mode and the options of a session's agent."""

import click

from agent.knobs import MODE, MODEL, Knob
from agent.policy import is_loose
from agent.sanitise import clean
from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.names import run_argument
from tui.cli.output import Output
from tui.cli.target import Target, follow, open_target


@click.command(
    "set",
    epilog="""\b
Examples:
  castoff set k3v9                          what there is to choose
  castoff set k3v9 --model opus
  castoff set --mode plan --option effort=high --json
""",
)
@run_argument
@click.option("--model", metavar="NAME", help="The model, by its id or name, or a part that only one has.")
@click.option("--mode", metavar="NAME", help="The agent's own mode, as far as the session's policy allows.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Another option of the agent's.")
@async_command
async def set_(out: Output, run: str | None, model: str | None, mode: str | None, options: tuple[str, ...]) -> None:
    """Show what the agent of a session or run lets you choose, or choose it.

    A choice is kept when the session moves and when the agent starts again.
    """
    wanted = {MODEL: model, MODE: mode, **dict(_read(option) for option in options)}
    async with open_target(run) as target:
        if any(wanted.values()):
            state = await _choose(target, {knob: value for knob, value in wanted.items() if value})
        else:
            state = await target.read_state()
    _show(out, target, state)


async def _choose(target: Target, wanted: dict[str, str]) -> SessionState:
    async with target.attach() as viewer:
        # The agent may only just be starting, and says what there is once it has.
        state = await follow(viewer, SessionState(), lambda s: s.head_seq >= viewer.welcome.head_seq and _is_known(s))
        for knob, value in wanted.items():
            await viewer.choose(knob, value)
        kept = set(wanted)
        return await follow(viewer, state, lambda s: kept <= set(dict(s.chosen)))


def _is_known(state: SessionState) -> bool:
    return bool(state.knobs) or state.phase != "starting"


def _read(option: str) -> tuple[str, str]:
    name, separator, value = option.partition("=")
    if not (name and separator and value):
        raise click.UsageError(f"{option!r} is not NAME=VALUE.")
    return name, value


def _show(out: Output, target: Target, state: SessionState) -> None:
    out.say(f"{target.title}  ({target.session_id}, {target.host})", "bold")
    if not state.knobs:
        out.say("Its agent offers nothing to choose, or has not started yet.")
    for knob in state.knobs:
        _show_knob(out, knob, state)
    chosen = dict(state.chosen)
    out.record(
        "knobs",
        {
            "agent": state.agent,
            "policy": state.policy,
            "knobs": [knob.model_dump(mode="json") | {"chosen": knob.id in chosen} for knob in state.knobs],
        },
    )
    out.done(id=target.session_id)


def _show_knob(out: Output, knob: Knob, state: SessionState) -> None:
    out.say(clean(f"{knob.id}  {knob.shown}{'  (chosen)' if knob.id in dict(state.chosen) else ''}", single_line=True))
    for choice in knob.choices:
        mark = ">" if choice.value == knob.value else " "
        needs = f"  (needs the policy {choice.needs})" if is_loose(choice, state.policy) else ""
        name = f"  {choice.name}" if choice.name != choice.value else ""
        out.say(clean(f"  {mark} {choice.value}{name}{needs}", single_line=True))
