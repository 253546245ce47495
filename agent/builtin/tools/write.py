"""write: a new file, or a file's whole new text."""

from pydantic import Field

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.files import read_text, write_text
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace
from agent.events import DiffContent


class WriteArguments(Arguments):
    """Arguments of write."""

    path: str = Field(description="File, relative to the project folder; folders above it are made")
    content: str = Field(description="The whole text of the file")


def _describe(arguments: WriteArguments) -> str:
    return f"Write {arguments.path}"


def _prepare(arguments: WriteArguments, workspace: Workspace) -> Action:
    real = workspace.locate_writable(arguments.path)
    before = read_text(real, arguments.path) if real.exists() else None

    async def run(_: ShowOutput) -> Result:
        now = read_text(real, arguments.path) if real.exists() else None
        if now != before:
            raise ToolFailure(f"{arguments.path!r} has changed meanwhile: nothing was written. Read it again.")
        write_text(real, arguments.content)
        verb = "Created" if before is None else "Rewrote"
        return Result(f"{verb} {workspace.show(real)}: {len(arguments.content.splitlines())} lines.")

    diff = DiffContent(path=workspace.absolute(real), old_text=before, new_text=arguments.content)
    return Action(_describe(arguments), run, (real,), diff=diff)


WRITE = Tool(
    name="write",
    description="Create a file, or replace the whole text of one. To change a part of a file use edit.",
    kind="edit",
    need="edit",
    arguments=WriteArguments,
    prepare=_prepare,
    describe=_describe,
)
