"""run: a shell command in the project folder."""

from pydantic import Field

from agent.builtin.tools.process import Ended, run_process
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace

SHELL = "/bin/sh"


class RunArguments(Arguments):
    """Arguments of run."""

    command: str = Field(min_length=1, description="Command for /bin/sh, run in the project folder")
    timeout: int = Field(default=120, ge=1, le=1800, description="Seconds after which it is stopped")


def _describe(arguments: RunArguments) -> str:
    return arguments.command


def _prepare(arguments: RunArguments, workspace: Workspace) -> Action:
    async def run(show: ShowOutput) -> Result:
        argv = [SHELL, "-c", arguments.command]
        return _report(await run_process(argv, workspace.root, arguments.timeout, show), arguments.timeout)

    return Action(_describe(arguments), run)


def _report(ended: Ended, seconds: int) -> Result:
    if ended.timed_out:
        end = f"[stopped after {seconds} s: the time limit]"
    elif ended.status < 0:
        end = f"[killed by signal {-ended.status}]"
    else:
        end = f"[exit status {ended.status}]"
    output = ended.output.rstrip("\n")
    return Result(f"{output}\n{end}" if output else end, failed=ended.timed_out or ended.status != 0)


RUN = Tool(
    name="run",
    description=(
        "Run a shell command in the project folder. Gives standard output and error together and the exit status. "
        "There is no terminal and no input; whatever it leaves running is stopped when it ends. The model's own keys "
        "are not in its environment."
    ),
    kind="execute",
    need="run",
    arguments=RunArguments,
    prepare=_prepare,
    describe=_describe,
)
