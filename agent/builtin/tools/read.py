"""read: a file's text, whole or in part."""

import io

from pydantic import Field

from agent.builtin.tools.files import read_text
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace

LIMIT = 60_000
"""Characters given to the model at most."""


class ReadArguments(Arguments):
    """Arguments of read."""

    path: str = Field(description="File, relative to the project folder")
    line: int = Field(default=1, ge=1, description="First line to read, counted from 1")
    limit: int | None = Field(default=None, ge=1, description="How many lines; all if left out")


def _describe(arguments: ReadArguments) -> str:
    return f"Read {arguments.path}"


def _prepare(arguments: ReadArguments, workspace: Workspace) -> Action:
    real = workspace.locate(arguments.path)

    async def run(_: ShowOutput) -> Result:
        return Result(_cut(read_text(real, arguments.path), arguments))

    return Action(_describe(arguments), run, (real,), arguments.line)


def _cut(text: str, arguments: ReadArguments) -> str:
    lines = list(io.StringIO(text))  # "\n" alone ends a line, as grep and edit count
    first = arguments.line - 1
    last = len(lines) if arguments.limit is None else first + arguments.limit
    chosen = "".join(lines[first:last])
    if len(chosen) > LIMIT:
        return f"{chosen[:LIMIT]}\n[cut: {len(chosen) - LIMIT} more characters; read on with line and limit]"
    if not chosen:
        return f"[nothing: the file has {len(lines)} lines]"
    rest = len(lines) - last
    return f"{chosen}\n[{rest} more lines]" if rest > 0 else chosen


READ = Tool(
    name="read",
    description="Read a text file of the project.",
    kind="read",
    need="look",
    arguments=ReadArguments,
    prepare=_prepare,
    describe=_describe,
)
