"""``castoff answer``: settle an open permission question."""

import click

from agent.blocks import PermissionBlock
from agent.state import SessionState
from tui.cli.edge import async_command
from tui.cli.errors import NotHere
from tui.cli.names import run_and, split_words
from tui.cli.output import Output
from tui.cli.target import follow, open_target


@click.command(
    epilog="""\b
Examples:
  castoff show k3v9            shows the question and its options
  castoff answer k3v9 allow
"""
)
@run_and("OPTION")
@click.option("--request", help="Which question, where more than one is open; by default the oldest.")
@async_command
async def answer(out: Output, words: tuple[str, ...], request: str | None) -> None:
    """Answer a run's open permission question with OPTION: an option's id, kind (allow_once, ...) or name."""
    run, option = split_words(words, "OPTION")
    async with open_target(run) as target, target.attach() as viewer:
        head = viewer.welcome.head_seq
        state = await follow(viewer, SessionState(), lambda s: s.head_seq >= head)
        question = _question(state, request)
        chosen = _choose(question, option)
        await viewer.answer(question.request_id, chosen)
    out.say(f"Answered {chosen} ({target.title}, {target.session_id}).")
    out.done(id=target.session_id, request_id=question.request_id, option_id=chosen)


def _question(state: SessionState, request: str | None) -> PermissionBlock:
    for question in state.questions:
        if request in (None, question.request_id):
            return question
    raise NotHere("No such question is open.", "castoff show shows the open ones.", code="no-question")


def _choose(question: PermissionBlock, option: str) -> str:
    """The id of the one option that ``option`` names."""
    fits = [o for o in question.options if option == o.option_id]
    fits = fits or [o for o in question.options if option == o.kind or option.casefold() == o.name.casefold()]
    if len(fits) == 1:
        return fits[0].option_id
    ids = ", ".join(o.option_id for o in question.options)
    raise NotHere(f"The question has no option {option!r}.", f"Its options are: {ids}.", code="no-option")
