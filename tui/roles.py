"""What each role of a text looks like in the theme: worked out once a theme, not by style sheets for each widget.

A style sheet would do the same with one class a role, which Textual applies anew to every widget whenever anything of
it changes: half of the time to the first paint.
"""

from collections.abc import Mapping

from rich.style import Style
from textual.color import Color

from tui.drawing.lines import Role

COLOURS = (
    "foreground", "background", "raised", "muted", "rule", "accent", "ok", "warn", "bad", "code", "added", "removed",
    "selection",
)  # fmt: skip
"""The colours that a theme gives, by their names in its file."""
_COLOURS: dict[Role, str] = {
    "text": "foreground",
    "muted": "c-muted",
    "accent": "c-accent",
    "strong": "foreground",
    "ok": "c-ok",
    "warn": "c-warn",
    "bad": "c-bad",
    "code": "c-code",
    "emphasis": "c-muted",
    "heading": "foreground",
    "prompt": "foreground",
    "added": "c-ok",
    "removed": "c-bad",
    "added-word": "c-ok",
    "removed-word": "c-bad",
    "selected": "foreground",
    "rule": "c-rule",
    "key": "c-accent",
}
"""The theme's variable that colours a role."""
_FILLS: dict[Role, str] = {"prompt": "c-raised", "selected": "c-raised", "added": "c-added", "removed": "c-removed"}
_STYLES: dict[Role, Style] = {
    "strong": Style(bold=True),
    "emphasis": Style(italic=True),
    "heading": Style(bold=True),
    "added-word": Style(bold=True, underline=True),
    "removed-word": Style(bold=True, underline=True),
    "selected": Style(bold=True),
}
_STYLES_ANSI: dict[Role, Style] = {
    "muted": Style(dim=True),
    "emphasis": Style(dim=True, italic=True),
    "code": Style(bold=True),
    "prompt": Style(bold=True),
}
"""With the terminal's own sixteen colours, where contrast is not ours to choose."""


def style_of_role(role: Role, fill: Role | None, variables: Mapping[str, str], *, ansi: bool) -> Style:
    """The style of a role's text; ``fill`` is the role whose background it stands on, if any.

    ``variables`` are the app's theme variables; ``ansi``: they name the terminal's own colours.
    """
    ground = _FILLS.get(fill) if fill is not None else None
    style = Style(
        color=Color.parse(variables[_COLOURS[role]]).rich_color,
        bgcolor=Color.parse(variables[ground]).rich_color if ground else None,
    )
    return style + ((_STYLES_ANSI.get(role) if ansi else None) or _STYLES.get(role))


def fallback_variables() -> dict[str, str]:
    """Our variables for themes that are not ours, so that style sheets can always be read."""
    ours = {f"c-{name}": "ansi_default" for name in COLOURS}
    return ours | {"ansi-background": "ansi_black", "ansi-foreground": "ansi_white"}
