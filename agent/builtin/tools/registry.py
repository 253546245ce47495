"""All tools by name, and the reading of a model's call."""

from typing import Any

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json

from agent.builtin.errors import ToolFailure
from agent.builtin.tools.edit import EDIT
from agent.builtin.tools.list_folder import LIST
from agent.builtin.tools.plan import PLAN
from agent.builtin.tools.read import READ
from agent.builtin.tools.run import RUN
from agent.builtin.tools.search import SEARCH
from agent.builtin.tools.tool import Arguments, Tool
from agent.builtin.tools.write import WRITE

# Any: the list holds tools of different arguments; each one checks its own.
TOOLS: dict[str, Tool[Any]] = {tool.name: tool for tool in (READ, LIST, SEARCH, EDIT, WRITE, RUN, PLAN)}


def find_tool(name: str) -> Tool[Any]:
    """Return the tool. Raises `ToolFailure` with the names there are."""
    if name not in TOOLS:
        raise ToolFailure(f"There is no tool {name!r}. The tools are: {', '.join(TOOLS)}.")
    return TOOLS[name]


def raw_arguments(args: str | dict[str, Any] | None) -> JsonValue:
    """Return a call's arguments as JSON, or as the model's own text where that is not JSON."""
    if not isinstance(args, str):
        return args or {}
    try:
        return from_json(args or "{}")
    except ValueError:
        return args


def check_arguments(tool: Tool[Any], raw: JsonValue) -> Arguments:
    """Return the checked arguments. Raises `ToolFailure` that names each wrong one."""
    try:
        return tool.arguments.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in error.errors()
        )
        raise ToolFailure(f"The arguments of {tool.name} are not right: {faults}.") from error
