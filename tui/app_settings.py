"""What the app remembers between starts: ``app.toml`` in the settings directory."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from agent.durable import write_record
from tui.backend import Settings
from tui.errors import SettingsError


def read_settings(path: Path) -> Settings:
    """The settings, or the defaults where there is no file; raises `tui.errors.SettingsError`."""
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsError(
            f"The app's settings in {path} cannot be read; it goes on with none.", "Mend the file, or delete it."
        ) from error


def write_settings(path: Path, settings: Settings) -> None:
    """Keep the settings; comments and what the app does not know stay. Raises `OSError`."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_bytes())
    except (FileNotFoundError, TOMLKitError):
        document = tomlkit.document()
    values = settings.model_dump()
    keys = values.pop("keys")
    for name, value in values.items():
        document[name] = value
    if keys or "keys" in document:
        document["keys"] = keys
    write_record(path, tomlkit.dumps(document).encode())
