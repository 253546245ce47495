"""The MCP servers that an agent's settings name. Names only: their commands and keys are nobody's business here."""

import functools
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from agent.events import Frozen
from agent.profiles import IN_TREE, Profile

_LARGEST = 8 << 20
"""Bytes of a settings file that are read; Claude keeps more in its own than settings."""
_PLACES = TypeAdapter(dict[str, tuple[tuple[str, ...], ...]])
_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.S)
_STRING_OR_LAST_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.S)


class McpServers(Frozen):
    """``names`` are sorted; ``unread`` are settings files, relative to HOME, that could not be understood."""

    names: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class ProjectServers(Frozen):
    """What one settings file of the project names; ``file`` is relative to it. ``names`` is ``None`` where the file
    could not be understood."""

    file: str
    names: tuple[str, ...] | None = ()


def list_servers(profile: Profile, home: Path, tree: str) -> McpServers:
    """The servers that the agent's settings below ``home`` name for a session in ``tree`` (an absolute path)."""
    names, unread = set[str](), set[str]()
    for file, *keys in _places(profile):
        if file.startswith(IN_TREE):
            continue
        found = _look_up(home / file, keys, tree)
        if found is None:
            unread.add(file)
        else:
            names |= found
    return McpServers(names=tuple(sorted(names)), unread=tuple(sorted(unread)))


def list_project_servers(profile: Profile, tree: Path) -> tuple[ProjectServers, ...]:
    """The servers that the project's own settings files name, for each file that is there and names some."""
    listed: list[ProjectServers] = []
    for place, *keys in _places(profile):
        if place.startswith(IN_TREE):
            file = place.removeprefix(IN_TREE)
            found = _look_up(tree / file, keys, str(tree))
            if found is None or found:
                listed.append(ProjectServers(file=file, names=None if found is None else tuple(sorted(found))))
    return tuple(listed)


def _places(profile: Profile) -> tuple[tuple[str, ...], ...]:
    """What the profile says, or else what is known of the agent of that name."""
    return profile.mcp or _known_places().get(profile.name, ())


@functools.cache
def _known_places() -> dict[str, tuple[tuple[str, ...], ...]]:
    return _PLACES.validate_python(tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")))


def _look_up(file: Path, keys: Iterable[str], tree: str) -> set[str] | None:
    """The names below ``keys`` in a settings file, none without one; ``None`` if it cannot be understood."""
    try:
        table = _read(file)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except (OSError, ValueError, RecursionError):
        return None
    for key in keys:
        table = table.get(tree if key == "{tree}" else key) if isinstance(table, dict) else None
    return _names(table)


def _read(path: Path) -> JsonValue:
    # A project may come from anybody: what poses as its settings may be a pipe that never ends.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError("too large")
    text = data.decode("utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else _load_json(text)


def _load_json(text: str) -> JsonValue:
    """JSON, also with the comments and last commas that several agents allow in their settings."""
    try:
        return json.loads(text)
    except ValueError:
        for unwanted in (_STRING_OR_COMMENT, _STRING_OR_LAST_COMMA):
            text = unwanted.sub(lambda found: found[1] or " ", text)
        return json.loads(text)


def _names(table: JsonValue) -> set[str]:
    """The names in a table by name, or in a list of tables with a name each."""
    match table:
        case dict():
            return set(table)
        case list():
            named: Sequence[JsonValue] = [entry.get("name") for entry in table if isinstance(entry, dict)]
            return {name for name in named if isinstance(name, str)}
        case _:
            return set()
