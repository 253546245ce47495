"""Credentials in a repository's own settings: they stay, and a copy of the file without them travels.

What is left out: the user part of URLs, in names and values (of SSH addresses only a password), extra HTTP headers,
credential helpers, and whatever is called a password, token or secret. Comments are left out too, since nobody can
tell what is in them. A file without credentials travels as it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from snapshot.errors import GitFailed
from snapshot.git import OWN_CONFIG, git
from snapshot.walk import show_path

_USER_PART = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s]*)@")
_SSH = {"ssh", "git+ssh", "ssh+git"}
_SECRET_KEY = re.compile(
    r"^(http(\..*)?\.(extraheader|proxyauth)|credential(\..*)?\.helper|.*\.[a-z0-9-]*"
    r"(pass|passwd|password|passphrase|token|secret|apikey|api-key))$",
    re.I | re.S,
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\b": "\\b"}


class Setting(NamedTuple):
    """A setting as git names it; ``value`` is None for a name alone, which means true."""

    name: str
    value: str | None


def read_settings(tree: Path) -> list[tuple[str, str, str]]:
    """The repository's own settings, includes resolved, as (file, name, value); the user's and system's left out."""
    out = git("config", "--list", "--show-origin", "--includes", "-z", tree=tree, environment=OWN_CONFIG).out
    fields = out.decode(errors="surrogateescape").split("\0")
    pairs = zip(fields[0::2], fields[1::2], strict=False)
    return [
        (origin.removeprefix("file:"), setting.name, setting.value or "")
        for origin, pair in pairs
        if origin.startswith("file:") and (setting := _split(pair))
    ]


def credential_names(data: bytes) -> tuple[str, ...]:
    """The names of the settings in the settings file ``data`` that stay, user parts masked; raises `GitFailed`.

    A credential in a comment is ``a comment``.
    """
    settings = _parse(data)
    names = [setting.name for setting in settings if _without(setting) != setting]
    if not names and _has_user(data.decode(errors="surrogateescape")):
        names = ["a comment"]
    return tuple(dict.fromkeys(show_path(_USER_PART.sub(r"\g<scheme>://…@", name)) for name in names))


def without_credentials(data: bytes) -> bytes:
    """The settings file that travels in place of ``data``, byte for byte the same if it holds none; `GitFailed`."""
    if not credential_names(data):
        return data
    kept = [left for setting in _parse(data) if (left := _without(setting)) is not None]
    made = _write(kept)
    # What git would read otherwise than it was meant must not travel.
    if _parse(made) != kept or credential_names(made):
        raise GitFailed("The repository's settings cannot be copied without their credentials.", "Remove them there.")
    return made


def included_files(data: bytes, beside: Path) -> Iterator[Path]:
    """The files that the settings ``data``, which lie in the folder ``beside``, include under whatever condition."""
    for name, value in _parse(data):
        conditional = name.startswith("includeif.") and name.endswith(".path")
        if value and (name == "include.path" or conditional):
            file = PurePosixPath(value)
            yield Path.home() / file.relative_to("~") if file.parts[:1] == ("~",) else beside / file


def _parse(data: bytes) -> list[Setting]:
    out = git("config", "--file", "-", "--no-includes", "--list", "-z", stdin=data).out
    return [_split(pair) for pair in out.decode(errors="surrogateescape").split("\0") if pair]


def _split(pair: str) -> Setting:
    name, line, value = pair.partition("\n")
    return Setting(name, value if line else None)


def _without(setting: Setting) -> Setting | None:
    if setting.value and _SECRET_KEY.match(setting.name):
        return None
    return Setting(_strip(setting.name), None if setting.value is None else _strip(setting.value))


def _strip(text: str) -> str:
    return _USER_PART.sub(_strip_user, text)


def _strip_user(match: re.Match[str]) -> str:
    # A user name before an SSH address is part of the address; anywhere else it may be a token.
    user = match["user"].partition(":")[0] if match["scheme"].lower() in _SSH else ""
    return f"{match['scheme']}://{user}@" if user else f"{match['scheme']}://"


def _has_user(text: str) -> bool:
    return _strip(text) != text


def _write(settings: list[Setting]) -> bytes:
    lines: list[str] = []
    under = ""
    for name, value in settings:
        section, _, rest = name.partition(".")
        subsection, dot, key = rest.rpartition(".")
        quoted = subsection.replace("\\", "\\\\").replace('"', '\\"')
        header = f'[{section} "{quoted}"]' if dot else f"[{section}]"
        lines += [header] if header != under else []
        under = header
        lines.append(f"\t{key}" if value is None else f'\t{key} = "{_escape(value)}"')
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")


def _escape(value: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in value)
