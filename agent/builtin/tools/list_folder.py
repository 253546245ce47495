"""list: what a folder holds."""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.tool import Action, Arguments, Result, ShowOutput, Tool
from agent.builtin.workspace import Workspace

LIMIT = 500
SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
"""Folders that are named but not entered: large, and rarely what is looked for."""


class ListArguments(Arguments):
    """Arguments of list."""

    path: str = Field(default=".", description="Folder, relative to the project folder")
    depth: int = Field(default=1, ge=1, le=5, description="How many levels deep")


def _describe(arguments: ListArguments) -> str:
    return f"List {arguments.path}"


def _prepare(arguments: ListArguments, workspace: Workspace) -> Action:
    real = workspace.locate(arguments.path)

    async def run(_: ShowOutput) -> Result:
        if not real.is_dir():
            raise ToolFailure(f"{arguments.path!r} is not a folder.")
        return Result(_list(real, arguments.depth))

    return Action(_describe(arguments), run, (real,))


def _list(folder: Path, depth: int) -> str:
    lines: list[str] = []
    for line in _walk(folder, "", depth):
        if len(lines) == LIMIT:
            return "\n".join([*lines, f"[cut after {LIMIT} entries]"])
        lines.append(line)
    return "\n".join(lines) or "[empty]"


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        name = prefix + os.fsencode(entry.name).decode(errors="replace")
        if entry.is_symlink():
            yield f"{name} (symlink)"
        elif entry.is_dir(follow_symlinks=False):
            yield f"{name}/"
            if depth > 1 and entry.name not in SKIPPED:
                yield from _walk(Path(entry.path), f"{name}/", depth - 1)
        else:
            yield name


LIST = Tool(
    name="list",
    description="List the files and folders of a folder of the project.",
    kind="read",
    need="look",
    arguments=ListArguments,
    prepare=_prepare,
    describe=_describe,
)
