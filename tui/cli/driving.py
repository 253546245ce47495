"""Driving a handoff or a pull from the command line: its questions, its answers, its end."""

import asyncio
import os
import sys
import termios
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from agent.sanitise import clean
from remote.findings import Problem
from remote.steps import HandoffStep, Preflighted, PullStep, Reviewed, StillHere, awaits_decision
from remote.terms import Decision
from tui.cli.errors import NotMoved
from tui.cli.step_view import StepView

Step = TypeVar("Step", bound=HandoffStep | PullStep)


def find_blocking(step: HandoffStep | PullStep) -> Problem | None:
    """The first problem that stands in the way, so that nobody needs to be asked."""
    if not isinstance(step, Preflighted | Reviewed):
        return None
    return next((problem for problem in step.problems if problem.blocking), None)


class Decider:
    """Decides where a move waits: no where a problem blocks, else what was settled before, else what a person says."""

    def __init__(self, question: str, settled: Decision | None) -> None:
        self._question = question
        self.settled: Decision | None = settled
        self.blocking: Problem | None = None
        """What stood in the way, once something did."""

    async def decide(self, step: HandoffStep | PullStep) -> Decision:
        """Whether the move goes on after ``step``."""
        self.blocking = find_blocking(step)
        if self.blocking is not None:
            return "cancel"
        if self.settled is not None:
            return self.settled
        agreed: Decision = "go" if await confirm(self._question) else "cancel"
        return agreed

    def refuse(self, last: StillHere) -> NotMoved:
        """The error that a move ends with: what blocked it, else what it said itself."""
        if self.blocking is not None:
            return NotMoved(self.blocking.sentence, self.blocking.way_out, code=self.blocking.code)
        return NotMoved(last.reason, last.way_out, code=last.code)


async def drive(
    steps: AsyncGenerator[Step, Decision | None], view: StepView, decide: Callable[[Step], Awaitable[Decision]]
) -> Step:
    """Run the generator to its end and return its last step; ``decide`` is asked where a decision is due.

    Cancelling this cancels the generator where it is, and it puts things right before this returns.
    """
    decision: Decision | None = None
    last: Step | None = None
    try:
        while True:
            last = await steps.asend(decision)
            view.take(last)
            decision = await decide(last) if awaits_decision(last) else None
    except StopAsyncIteration:
        assert last is not None
        return last
    finally:
        await steps.aclose()


def can_ask() -> bool:
    """Whether a person is at both ends of this process."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def confirm(question: str) -> bool:
    """Ask a yes-or-no question on the terminal; anything but yes is no. Ctrl-C cancels it like everything else."""
    return (await ask_line(f"{clean(question, single_line=True)} [y/N] ")).casefold() in ("y", "yes")


async def ask_secret(words: str) -> str:
    """What a person types after ``words``, without echo; Ctrl-C cancels it, and the echo is back then."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        return await _read_line(words)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        sys.stderr.write("\n")


async def ask_passphrase(key: str) -> str:
    """The passphrase of the private key in the file ``key``."""
    return await ask_secret(f"Passphrase of {clean(key, single_line=True)}: ")


async def ask_line(words: str) -> str:
    """What a person types after ``words``, which are shown as they are, without surrounding white space."""
    return (await _read_line(words)).strip()


async def _read_line(words: str) -> str:
    sys.stderr.write(words)
    sys.stderr.flush()
    loop, line = asyncio.get_running_loop(), asyncio.Event()
    # A thread in input() could not be cancelled, and would keep the process alive.
    loop.add_reader(sys.stdin.fileno(), line.set)
    try:
        await line.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return os.read(sys.stdin.fileno(), 1024).decode(errors="replace").rstrip("\r\n")
