"""plan: what the model means to do, shown to the user."""

from typing import Literal

from pydantic import Field

from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace
from agent.events import PlanEntry, PlanStatus


class Step(Arguments):
    """One step of a plan."""

    content: str = Field(min_length=1, description="The step, in a few words")
    status: PlanStatus = "pending"
    priority: Literal["high", "medium", "low"] = "medium"


class PlanArguments(Arguments):
    """Arguments of plan."""

    steps: tuple[Step, ...] = Field(max_length=50, description="The whole plan; it replaces the one before")


def _describe(arguments: PlanArguments) -> str:
    return f"Plan: {len(arguments.steps)} steps"


def _prepare(arguments: PlanArguments, _: Workspace) -> Action:
    entries = tuple(PlanEntry(**step.model_dump()) for step in arguments.steps)
    done = sum(step.status == "completed" for step in arguments.steps)

    async def run(_: ShowOutput) -> Result:
        return Result(f"The plan is shown: {done} of {len(entries)} steps done.", plan=entries)

    return Action(_describe(arguments), run)


PLAN = Tool(
    name="plan",
    description="Show the user your plan, and keep it up to date: send all steps each time, one of them in progress.",
    kind="think",
    need="look",
    arguments=PlanArguments,
    prepare=_prepare,
    describe=_describe,
    hidden=True,
)
