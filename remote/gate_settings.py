"""The services that an agent's own settings name, where no variable moves them.

They are found in the settings of the host's user; in the copy that a run gets, they are at the gate.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.durable import make_private, write_record
from agent.events import Frozen
from agent.profiles import Listed, Profile
from remote.errors import SettingsDamaged

PORT = 3128
"""Where the gate is on the sandbox's own 127.0.0.1."""
_NAME = "([A-Za-z_][A-Za-z0-9_]*)"


class Named(Frozen):
    """A service by the settings in ``file``: the variable of its ``key``, its ``address``, its ``door`` at the gate."""

    file: str
    door: str
    key: str
    address: str


def door_address(door: str) -> str:
    """Where a service is for the agent in the sandbox."""
    return f"http://127.0.0.1:{PORT}/castoff/{door}"


def find_named(profile: Profile, home: Path) -> tuple[Named, ...]:
    """The services in the settings below ``home``, each with the variable that holds its key.

    Those of a file that is not there, or not in the form that the profile says, are not found: then their keys are not
    kept outside. Raises `SettingsDamaged` for one that cannot be read at all.
    """
    return tuple(named for listed in profile.listed for named in _read(listed, home / listed.file))


def lead_to_gate(profile: Profile, home: Path, run_home: Path) -> None:
    """Copy the settings below ``home`` that name services into ``run_home``, with the gate's addresses for theirs.

    Raises `SettingsDamaged` and `OSError`.
    """
    named = find_named(profile, home)
    for name in {each.file for each in named}:
        moved = _move((home / name).read_text("utf-8"), [each for each in named if each.file == name])
        make_private((run_home / name).parent)
        write_record(run_home / name, moved.encode())


def _move(text: str, named: Sequence[Named]) -> str:
    """The text of settings with the addresses of ``named``, each a string in quotes, replaced."""
    for each in named:
        for sign in ("'", '"'):
            text = text.replace(f"{sign}{each.address}{sign}", f"{sign}{door_address(each.door)}{sign}")
    return text


def _read(listed: Listed, path: Path) -> Iterator[Named]:
    try:
        text = path.read_text("utf-8")
        settings: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (FileNotFoundError, ValueError):
        return
    except OSError as error:
        raise SettingsDamaged(f"{path} cannot be read: {error.strerror}.", "Correct that on the host.") from error
    taken, form = set[str](), re.escape(listed.form).replace(re.escape("{name}"), _NAME)
    for name, entry in _entries(_find(settings, listed.entries)):
        key, address = _find(entry, listed.key), _find(entry, listed.address)
        variable = re.fullmatch(form, key) if isinstance(key, str) else None
        # Of two with the same address one could not be told from the other in the text.
        if variable is not None and isinstance(address, str) and _is_web(address) and address not in taken:
            taken.add(address)
            door = f"{variable[1]}.{quote(name, safe='')}"
            yield Named(file=listed.file, door=door, key=variable[1], address=address)


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://")) and "@" not in address


def _find(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # whatever the user's file holds
    return value  # pyright: ignore[reportUnknownVariableType]


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Each entry with its name: a table's key, or what a list's entry says of itself."""
    if isinstance(value, dict):
        yield from ((str(name), entry) for name, entry in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # as above
    elif isinstance(value, list):
        yield from ((str(_find(entry, ["name"])), entry) for entry in value)  # pyright: ignore[reportUnknownVariableType]  # as above
