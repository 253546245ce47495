"""edit: exact replacement in a file."""

from pydantic import Field

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.files import read_text, write_text
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace
from agent.events import DiffContent


class EditArguments(Arguments):
    """Arguments of edit."""

    path: str = Field(description="File, relative to the project folder")
    old: str = Field(min_length=1, description="The exact text to replace, with enough around it to occur only once")
    new: str = Field(description="The text to put in its place")
    all: bool = Field(default=False, description="Replace every occurrence instead of exactly one")


def _describe(arguments: EditArguments) -> str:
    return f"Edit {arguments.path}"


def replace_exactly(text: str, arguments: EditArguments) -> tuple[str, int]:
    """Return the text after the edit and how many places changed. Raises `ToolFailure` if the place is not clear."""
    found = text.count(arguments.old)
    if found == 0:
        raise ToolFailure(
            f"The old text does not occur in {arguments.path!r}: nothing was changed. Read the file again."
        )
    if found > 1 and not arguments.all:
        raise ToolFailure(
            f"The old text occurs {found} times in {arguments.path!r}: nothing was changed. "
            "Give more of the text around it, or set all."
        )
    if arguments.old == arguments.new:
        raise ToolFailure("Old and new text are the same: nothing was changed.")
    return text.replace(arguments.old, arguments.new), found


def _prepare(arguments: EditArguments, workspace: Workspace) -> Action:
    real = workspace.locate_writable(arguments.path)
    before = read_text(real, arguments.path)
    after, places = replace_exactly(before, arguments)
    line = before[: before.index(arguments.old)].count("\n") + 1

    async def run(_: ShowOutput) -> Result:
        if read_text(real, arguments.path) != before:
            raise ToolFailure(f"{arguments.path!r} has changed meanwhile: nothing was written. Read it again.")
        write_text(real, after)
        return Result(f"Edited {workspace.show(real)} in {places} place{'s' if places > 1 else ''}, from line {line}.")

    diff = DiffContent(path=workspace.absolute(real), old_text=before, new_text=after)
    return Action(_describe(arguments), run, (real,), line, diff)


EDIT = Tool(
    name="edit",
    description="Replace an exact piece of a file's text with another. The old text must occur exactly once.",
    kind="edit",
    need="edit",
    arguments=EditArguments,
    prepare=_prepare,
    describe=_describe,
)
