"""What the app remembers between starts: ``app.toml`` in the settings directory."""

import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from agent.durable import write_record
from tui.backend import Settings
from tui.errors import SettingsError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


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
    """Keep what the app itself changes: theme and last host; all else in the file stays as it is.

    Raises `OSError`, and `tui.errors.SettingsError` where the file cannot be read: it is left alone.
    """
    with _edited(path) as document:
        document["theme"] = settings.theme
        document["last_host"] = settings.last_host


def write_key(path: Path, binding_id: str, keys: str) -> None:
    """Keep the keys of one action, or with none, that it has its own; all else in the file stays as it is.

    Raises as `write_settings`.
    """
    with _edited(path) as document:
        table = cast("dict[str, object]", document.setdefault("keys", {}))
        if keys:
            table[binding_id] = keys
        else:
            table.pop(binding_id, None)


@contextmanager
def _edited(path: Path) -> Generator["TOMLDocument"]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise SettingsError(
            f"The app's settings in {path} cannot be read, so nothing is written there.", "Mend the file, or delete it."
        ) from error
    yield document
    write_record(path, tomlkit.dumps(document).encode())  # pyright: ignore[reportUnknownMemberType]  # of any mapping
