"""search: lines that match a pattern, found by grep."""

import shutil

from pydantic import Field

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.list_folder import SKIPPED
from agent.builtin.tools.process import run_process
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace

LIMIT = 200
LINE_LIMIT = 300
SECONDS = 30.0


class SearchArguments(Arguments):
    """Arguments of search."""

    pattern: str = Field(min_length=1, description="Extended regular expression as grep -E reads it")
    path: str = Field(default=".", description="File or folder to search, relative to the project folder")
    literal: bool = Field(default=False, description="Take the pattern as plain text")


def _describe(arguments: SearchArguments) -> str:
    return f"Search “{arguments.pattern}” in {arguments.path}"


def _prepare(arguments: SearchArguments, workspace: Workspace) -> Action:
    real = workspace.locate(arguments.path)
    skipped = [f"--exclude-dir={name}" for name in sorted(SKIPPED)]
    flavour = "-F" if arguments.literal else "-E"
    shown = workspace.show(real)
    place = shown if shown == "." else f"./{shown}"
    argv = ["grep", "-rnHI", flavour, *skipped, "-e", arguments.pattern, "--", place]

    async def run(_: ShowOutput) -> Result:
        if shutil.which("grep") is None:
            raise ToolFailure("There is no grep on this machine: search cannot be used here.")
        ended = await run_process(argv, workspace.root, SECONDS)
        if ended.timed_out:
            raise ToolFailure(f"The search took longer than {SECONDS:.0f} s and was stopped. Search in fewer files.")
        if ended.status == 1:
            return Result("No match.")
        if not ended.output and ended.status:
            raise ToolFailure(f"grep failed with exit status {ended.status}.")
        return Result(_cut(ended.output))

    return Action(_describe(arguments), run, (real,))


def _cut(output: str) -> str:
    lines = [line[:LINE_LIMIT].removeprefix("./") for line in output.splitlines()]
    if len(lines) <= LIMIT:
        return "\n".join(lines)
    return "\n".join([*lines[:LIMIT], f"[cut: {len(lines) - LIMIT} more lines]"])


SEARCH = Tool(
    name="search",
    description="Find lines that match a pattern in the project's text files; gives file:line:text.",
    kind="search",
    need="look",
    arguments=SearchArguments,
    prepare=_prepare,
    describe=_describe,
)
