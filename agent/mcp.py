"""The MCP servers that an agent's settings name. Names only: their commands and keys are nobody's business here."""

import json
import tomllib
from pathlib import Path

from pydantic import JsonValue

from agent.events import Frozen
from agent.profiles import Profile


class McpServers(Frozen):
    """``names`` are sorted; ``unread`` are settings files, relative to HOME, that could not be understood."""

    names: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def list_servers(profile: Profile, home: Path, tree: str) -> McpServers:
    """The servers that the agent's settings below ``home`` name for a session in ``tree`` (an absolute path)."""
    names, unread = set[str](), set[str]()
    for file, *keys in profile.mcp:
        try:
            table = _read(home / file)
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            unread.add(file)
            continue
        for key in keys:
            table = table.get(tree if key == "{tree}" else key) if isinstance(table, dict) else None
        names |= _names(table)
    return McpServers(names=tuple(sorted(names)), unread=tuple(sorted(unread)))


def _read(path: Path) -> JsonValue:
    text = path.read_text("utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def _names(table: JsonValue) -> set[str]:
    """The names in a table by name, or in a list of tables with a name each."""
    match table:
        case dict():
            return set(table)
        case list():
            named = (entry.get("name") for entry in table if isinstance(entry, dict))
            return {name for name in named if isinstance(name, str)}
        case _:
            return set()
