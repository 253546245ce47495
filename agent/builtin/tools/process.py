"""Running a command of the agent's: its output capped, its end shown while it runs."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.builtin.providers import SECRET_VARIABLES
from agent.builtin.tools.capture import Capture
from agent.streaming import stream_process


@dataclass(frozen=True)
class Ended:
    """How a program ended: exit ``status`` (negative: the signal that killed it) and its ``output``, capped."""

    status: int
    output: str
    timed_out: bool = False


async def run_process(
    argv: Sequence[str],
    cwd: Path,
    seconds: float,
    show: Callable[[str], Awaitable[None]] | None = None,
) -> Ended:
    """Run ``argv`` and return how it ended; after ``seconds``, or when cancelled, its whole process group is killed.

    Standard output and error are one stream; there is no input. ``show`` gets the end of the output now and then.
    """
    capture = Capture(show)
    ended = await stream_process(argv, cwd, command_environment(os.environ), seconds, capture.add)
    return Ended(ended.status, capture.text(), ended.timed_out)


def command_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command: ours without the model's keys, and told that nobody is at a terminal."""
    kept = {name: value for name, value in environ.items() if name not in SECRET_VARIABLES}
    return kept | {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
