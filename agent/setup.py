"""The commands that make a project work where its session has arrived: which are due, and what came of them.

Pure: `remote.setup` runs them.
"""

from collections.abc import Iterable, Mapping, Sequence

from agent.blocks import MoveBlock, SetupBlock
from agent.events import Frozen
from agent.state import SessionState

_TAIL_LINES = 12
_TAIL_CHARACTERS = 1500


class SetupCommand(Frozen):
    """One line for ``/bin/sh``. It runs again when one of ``files`` (paths in the tree) has changed."""

    run: str
    files: tuple[str, ...] = ()


class SetupDone(Frozen):
    """That a command has run: at which epoch, with which ``digest`` of its files, and its exit ``status``.

    ``status`` is negative for a signal, None where it was stopped before its end.
    """

    run: str
    digest: str
    epoch: int
    status: int | None


class SetupRecord(Frozen):
    """All commands that have run in the tree."""

    done: tuple[SetupDone, ...] = ()

    def put(self, done: SetupDone) -> "SetupRecord":
        """With the latest outcome of one command."""
        return SetupRecord(done=(*(each for each in self.done if each.run != done.run), done))


class SetupOutcome(Frozen):
    """What came of one command that ran now; ``output`` is the end of what it printed."""

    run: str
    status: int | None
    output: str = ""


def find_due(
    commands: Sequence[SetupCommand], record: SetupRecord, digests: Mapping[str, str], epoch: int
) -> tuple[SetupCommand, ...]:
    """The commands to run now, in their order; ``digests`` are those of each command's files, by its line.

    At one epoch a command runs once, and after one that failed there no other does. At a later epoch it runs again if
    it failed, or its files are not the same.
    """
    done = {each.run: each for each in record.done}
    here = [done[each.run] for each in commands if each.run in done and done[each.run].epoch == epoch]
    if any(each.status != 0 for each in here):
        return ()
    return tuple(each for each in commands if _is_due(done.get(each.run), digests[each.run], epoch))


def _is_due(done: SetupDone | None, digest: str, epoch: int) -> bool:
    if done is None:
        return True
    return done.epoch != epoch and (done.status != 0 or done.digest != digest)


def read_outcomes(state: SessionState) -> tuple[SetupOutcome, ...]:
    """What came of the commands that have run since the session arrived where it is."""
    found: list[SetupOutcome] = []
    for block in state.blocks:
        if isinstance(block, MoveBlock):
            found.clear()
        elif isinstance(block, SetupBlock):
            found.append(SetupOutcome(run=block.command, status=block.status, output=block.output))
    return tuple(found)


def describe_outcomes(outcomes: Iterable[SetupOutcome]) -> str:
    """What the agent is told of the setup; empty if nothing ran."""
    return "\n".join(_describe(outcome) for outcome in outcomes)


def _describe(outcome: SetupOutcome) -> str:
    if outcome.status == 0:
        return f"Before you the project's setup command ran here: {outcome.run}"
    ended = "was stopped" if outcome.status is None else f"failed with status {outcome.status}"
    said = "\n".join(outcome.output[-_TAIL_CHARACTERS:].splitlines()[-_TAIL_LINES:])
    return f"The project's setup command {ended}: {outcome.run}" + (f"\nThe end of its output:\n{said}" if said else "")
