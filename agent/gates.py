"""Where a run is to stop and ask, as pure functions: before a step, at so many changed lines, at a path, a command."""

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from agent.blocks import ToolBlock
from agent.calls import changed_paths, command, matches
from agent.events import Judged
from agent.state import SessionState

GATES = frozenset({"before_steps", "diff_lines", "touching", "commands"})
"""The fields of `agent.watch.Watch` that are gates; each is passed once for each key."""


def passed_gates(state: SessionState) -> frozenset[str]:
    """The gates at which the run has stopped before, by rule and key."""
    return frozenset(f"{verdict.rule}: {verdict.key}" for verdict in state.verdicts if verdict.rule in GATES)


def find_plan_gates(state: SessionState) -> Iterator[Judged]:
    """The gates before steps that are under way, or next."""
    done = [entry.status == "completed" for entry in state.plan]
    for number in state.watch.before_steps:
        if not 0 < number <= len(state.plan):
            continue
        if state.plan[number - 1].status != "pending" or (number > 1 and all(done[: number - 1])):
            yield _gate("before_steps", str(number), f"Step {number} of the plan is next: the run was to stop.")


def find_call_gates(state: SessionState, block: ToolBlock, root: str, lines: int) -> Iterator[Judged]:
    """The gates at which a tool call stops the run; ``lines`` were changed so far, ``root`` is the tree."""
    most = state.watch.diff_lines
    if most and lines >= most:
        reached = lines // most * most
        yield _gate("diff_lines", str(reached), f"{lines} lines are changed: the run was to stop at {reached}.", block)
    for path in sorted(changed_paths(block)):
        name = posixpath.relpath(posixpath.normpath(posixpath.join(root, path)), root)
        if any(fnmatchcase(name, pattern) for pattern in state.watch.touching):
            yield _gate("touching", name, f"{name} is changed: the run was to stop there.", block)
    if asks_first(state, block) and not _was_asked(state, block):
        said = " ".join(command(block).split())
        yield _gate("commands", said, f"A command that was to be asked for ran without asking: {said}.", block)


def asks_first(state: SessionState, block: ToolBlock) -> bool:
    """Whether a human is to be asked before this call, whatever the policy says."""
    said = command(block)
    return bool(said) and any(matches(said, pattern) for pattern in state.watch.commands)


def _was_asked(state: SessionState, block: ToolBlock) -> bool:
    """Whether it waits for leave, or a human gave it, or it has not begun."""
    asked = any(b.type == "permission" and b.call_id == block.call_id and b.by in (None, "user") for b in state.blocks)
    return asked or block.status == "pending"


def _gate(rule: str, key: str, text: str, *blocks: ToolBlock) -> Judged:
    return Judged(rule=rule, level="pause", key=key, evidence=text, calls=tuple(block.seq for block in blocks))
