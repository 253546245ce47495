"""What happened in a session since a human was last there: a pure fold of its state."""

import re

from agent.blocks import PermissionBlock, PromptBlock, ToolBlock
from agent.calls import command
from agent.events import Frozen
from agent.state import SessionState

_TESTS = re.compile(
    r"(?:^|[\s;&|/])(?:pytest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|unittest"
    r"|(?:npm|yarn|pnpm|bun)(?: run)? test|(?:cargo|go|make|dotnet|mvn|gradle|gradlew|swift|mix) (?:test|check))"
    r"(?=\s|$)"
)
_CHANGING = ("edit", "delete", "move")


class Checked(Frozen):
    """A command that runs tests, as it ended last."""

    command: str
    ok: bool


class Absence(Frozen):
    """What came since the Unix time ``since``. ``usd`` is ``None`` where no cost is known."""

    since: float
    turns: int = 0
    calls: int = 0
    steps_done: int = 0
    steps: int = 0
    files: tuple[str, ...] = ()
    tested: tuple[Checked, ...] = ()
    usd: float | None = None
    refused: int = 0
    verdicts: tuple[str, ...] = ()

    @property
    def eventful(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.turns or self.calls or self.refused or self.verdicts)


def sum_up(state: SessionState) -> Absence:
    """What happened since ``state.human_at``; steps are of the plan as it is now."""
    since = state.human_at
    later = [block for block in state.blocks if block.at > since]
    tools = [block for block in later if isinstance(block, ToolBlock)]
    changed = [block for block in tools if block.tool_kind in _CHANGING and block.status == "completed"]
    shown = [content.path for block in changed for content in block.content if content.type == "diff"]
    paths = (*shown, *(location.path for block in changed for location in block.locations))
    return Absence(
        since=since,
        turns=sum(isinstance(block, PromptBlock) for block in later),
        calls=len(tools),
        steps_done=sum(entry.status == "completed" for entry in state.plan),
        steps=len(state.plan),
        files=tuple(dict.fromkeys(paths)),
        tested=_tested(tools),
        usd=_spent(state, since),
        refused=sum(isinstance(block, PermissionBlock) and _is_refused(block) for block in later),
        verdicts=tuple(verdict.evidence for verdict in state.verdicts if verdict.at > since),
    )


def _tested(tools: list[ToolBlock]) -> tuple[Checked, ...]:
    """Each test command once, with its last outcome."""
    last: dict[str, bool] = {}
    for block in tools:
        line = " ".join((command(block) or block.title).split())
        if block.status in ("completed", "failed") and block.tool_kind == "execute" and _TESTS.search(line):
            last.pop(line, None)
            last[line] = block.status == "completed"
    return tuple(Checked(command=line, ok=ok) for line, ok in last.items())


def _spent(state: SessionState, since: float) -> float | None:
    if not state.costs:
        return None
    before = max((usd for at, usd in state.costs if at <= since), default=0.0)
    return max(0.0, state.costs[-1][1] - before)


def _is_refused(block: PermissionBlock) -> bool:
    """Whether leave was not given, by whoever was asked instead of a human."""
    if block.by in (None, "user"):
        return False
    kinds = {option.option_id: option.kind for option in block.options}
    return block.option_id is None or kinds.get(block.option_id, "").startswith("reject")
