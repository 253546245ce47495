"""What a tool is: checked arguments turned into an action that is shown, allowed, and then run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from agent.builtin.workspace import Workspace
from agent.events import DiffContent, PlanEntry, ToolKind

Need = Literal["look", "edit", "run"]
ShowOutput = Callable[[str], Awaitable[None]]


class Arguments(BaseModel):
    """Base of every tool's arguments; a name that the tool does not know is an error that the model is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Result:
    """What a call gave: ``text`` for the model, and a new plan if it set one.

    ``failed`` is how it is shown, e.g. a command that ended with another status than 0; ``error`` tells the model's
    provider that the tool itself could not do its work.
    """

    text: str
    failed: bool = False
    error: bool = False
    plan: tuple[PlanEntry, ...] | None = None


@dataclass(frozen=True)
class Action:
    """A call that is ready to act. Making one reads, but changes nothing.

    ``places`` are real paths that it touches, ``line`` counts from 1, ``diff`` is what it will change; ``run`` acts
    and may show output while it does. ``run`` raises `ToolFailure` or `OSError` when it cannot.
    """

    title: str
    run: Callable[[ShowOutput], Awaitable[Result]]
    places: tuple[Path, ...] = ()
    line: int | None = None
    diff: DiffContent | None = None


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One tool: what the model reads about it, what kind it is, what leave it needs, and how a call is prepared.

    ``prepare`` raises `ToolFailure` or `OSError` for a call that cannot be made. ``describe`` gives the title of a
    call from its arguments alone, for the replay of old ones. ``hidden`` calls show only by their effect.
    """

    name: str
    description: str
    kind: ToolKind
    need: Need
    arguments: type[A]
    prepare: Callable[[A, Workspace], Action]
    describe: Callable[[A], str]
    hidden: bool = False
