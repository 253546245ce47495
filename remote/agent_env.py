"""The variables that agents get on this machine: one 0600 file of NAME=VALUE lines in the settings directory.

On a host this is where API keys given to castoff live. Nothing in it is ever logged or sent.
"""

import re
from pathlib import Path

from agent.durable import write_record
from agent.paths import config_dir
from remote.errors import SettingsDamaged, SettingsError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def env_path() -> Path:
    """Where the file is."""
    return config_dir() / "agent.env"


def read_env() -> dict[str, str]:
    """The variables by name, none if there is no file; raises `SettingsDamaged` if others may read the file."""
    path = env_path()
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise SettingsDamaged(f"{path} can be read by others.", f"chmod 600 {path}")
    variables: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not _NAME.fullmatch(name.strip()):
            raise SettingsDamaged(f"Line {number} of {path} is not NAME=VALUE.", "Correct the line.")
        variables[name.strip()] = value.strip()
    return variables


def set_env(name: str, value: str) -> None:
    """Set one variable, or with an empty value forget it; raises `SettingsError`."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name!r} is no name of a variable.", "Use letters, digits and underscores.")
    if value and (value.splitlines() != [value] or "\0" in value):
        raise SettingsError("A value is one line of text.")
    variables = read_env()
    variables.pop(name, None)
    if value:
        variables[name] = value
    lines = [f"{key}={variables[key]}\n" for key in sorted(variables)]
    write_record(env_path(), "".join(lines).encode())
