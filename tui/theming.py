"""Themes: colours as data in ``themes/*.toml``, validated here and made Textual's."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from textual.color import Color, ColorParseError
from textual.theme import Theme

from tui.errors import ThemeError

DEFAULT_THEME = "terminal"
_COLOUR = r"^(#[0-9a-fA-F]{6}|ansi_[a-z_]+)$"


class Colours(BaseModel):
    """The colours of a theme: ``#rrggbb``, or ``ansi_NAME`` for the terminal's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreground: str = Field(pattern=_COLOUR)
    background: str = Field(pattern=_COLOUR)
    raised: str = Field(pattern=_COLOUR)
    """Behind prompts, the selected row and input fields."""
    muted: str = Field(pattern=_COLOUR)
    rule: str = Field(pattern=_COLOUR)
    accent: str = Field(pattern=_COLOUR)
    ok: str = Field(pattern=_COLOUR)
    warn: str = Field(pattern=_COLOUR)
    bad: str = Field(pattern=_COLOUR)
    code: str = Field(pattern=_COLOUR)
    added: str = Field(pattern=_COLOUR)
    """Behind added lines; so `removed`."""
    removed: str = Field(pattern=_COLOUR)
    selection: str = Field(pattern=_COLOUR)

    @field_validator("*")
    @classmethod
    def _is_known(cls, colour: str) -> str:
        try:
            Color.parse(colour)
        except ColorParseError as error:
            raise ValueError(f"there is no colour {colour!r}") from error
        return colour


class ThemeFile(BaseModel):
    """One file of ``themes/``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str = Field(pattern=r"^[^\[\]\x00-\x1f\x7f-\x9f]{1,60}$")
    dark: bool
    terminal: bool = False
    """Whether the colours are the terminal's own sixteen."""
    colours: Colours


def themes_dir() -> Path:
    """``themes/`` beside the package: a folder of its name in the user's project is never looked at."""
    return Path(__file__).resolve().parent.parent / "themes"


def read_theme(path: Path) -> ThemeFile:
    """Read one theme file; raises `tui.errors.ThemeError`."""
    try:
        return ThemeFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ThemeError(f"The theme file {path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ThemeError(f"The theme file {path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise ThemeError(
            f"The theme file {path} is not valid at {where}: {first['msg'].removeprefix('Value error, ')}."
        ) from error


def read_themes(folder: Path | None = None) -> tuple[ThemeFile, ...]:
    """All themes, the default first; raises `tui.errors.ThemeError`."""
    found = [read_theme(p) for p in sorted((folder or themes_dir()).glob("*.toml"))]
    if not found:
        raise ThemeError(f"There is no theme in {folder or themes_dir()}.", "Install castoff again.")
    return tuple(sorted(found, key=lambda t: (t.name != DEFAULT_THEME, t.name)))


def gather_themes(folder: Path | None) -> tuple[tuple[ThemeFile, ...], tuple[ThemeError, ...]]:
    """The shipped themes and the user's in ``folder``, which win over those of the same name; and what is wrong there.

    Raises `tui.errors.ThemeError` only where no theme was shipped.
    """
    found = {theme.name: theme for theme in read_themes()}
    errors: list[ThemeError] = []
    for path in sorted(folder.glob("*.toml")) if folder is not None else ():
        try:
            theme = read_theme(path)
        except ThemeError as error:
            errors.append(error)
        else:
            found[theme.name] = theme
    return tuple(sorted(found.values(), key=lambda t: (t.name != DEFAULT_THEME, t.name))), tuple(errors)


def textual_theme(file: ThemeFile) -> Theme:
    """The theme in Textual's form; our own roles are its variables ``$c-…``."""
    c = file.colours
    ours = {f"c-{name}": value for name, value in c.model_dump().items()}
    return Theme(
        name=f"castoff-{file.name}",
        ansi=file.terminal,
        dark=file.dark,
        primary=c.accent,
        secondary=c.accent,
        accent=c.accent,
        warning=c.warn,
        error=c.bad,
        success=c.ok,
        foreground=c.foreground,
        background=c.background,
        surface=c.background,
        panel=c.raised,
        boost=c.raised,
        variables=ours
        | {
            "ansi-background": "ansi_black" if file.dark else "ansi_white",
            "ansi-foreground": "ansi_white" if file.dark else "ansi_black",
            "border": c.rule,
            "border-blurred": c.rule,
            "scrollbar": c.rule,
            "scrollbar-hover": c.muted,
            "scrollbar-active": c.accent,
            "scrollbar-background": c.background,
            "scrollbar-background-hover": c.background,
            "scrollbar-background-active": c.background,
            "scrollbar-corner-color": c.background,
            "input-selection-background": c.selection,
            "screen-selection-background": c.selection,
            "screen-selection-foreground": c.foreground,
            "block-cursor-background": c.selection,
            "block-cursor-foreground": c.foreground,
        },
    )
