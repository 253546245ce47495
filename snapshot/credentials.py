"""Credentials in a repository's own configuration, which would travel with ``.git``.

Only the names of settings are ever reported, with any user part of a URL in the name masked.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from snapshot.git import OWN_CONFIG, git
from snapshot.refusal import Refusal
from snapshot.walk import show_path

_USER_PART = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s]*)@")
_SECRET_KEY = re.compile(
    r"^(http(\..*)?\.extraheader|credential(\..*)?\.helper|.*\.smtppass|imap(\..*)?\.pass)$", re.I | re.S
)


def read_settings(tree: Path) -> list[tuple[str, str, str]]:
    """The repository's own settings, includes resolved, as (file, name, value); the user's and system's left out."""
    out = git("config", "--list", "--show-origin", "--includes", "-z", tree=tree, environment=OWN_CONFIG).out
    fields = out.decode(errors="surrogateescape").split("\0")
    pairs = zip(fields[0::2], fields[1::2], strict=False)
    return [(origin.removeprefix("file:"), *_split(pair)) for origin, pair in pairs if origin.startswith("file:")]


def find_credentials(tree: Path, settings: list[tuple[str, str, str]]) -> Iterator[Refusal]:
    """A refusal for each setting in a file of the tree that holds a credential."""
    root = tree.absolute()
    for origin, name, value in settings:
        file = (root / origin).resolve()
        if not file.is_relative_to(root.resolve()):
            continue
        if (_SECRET_KEY.match(name) and value) or _has_user(name) or _has_user(value):
            shown = show_path(_USER_PART.sub(r"\g<scheme>://…@", name))
            yield Refusal(
                code="git-credentials",
                path=show_path(file.relative_to(root.resolve()).as_posix()),
                sentence=f"The repository's setting {shown} holds a credential or names a program that gives one.",
                way_out="Move it to your own settings (git config --global) or remove it (git config --unset), "
                "then try again.",
            )


def _split(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("\n")
    return name, value


def _has_user(text: str) -> bool:
    # A user name before an SSH address is part of the address; anywhere else it may be a token.
    for match in _USER_PART.finditer(text):
        ssh = match["scheme"].lower() in {"ssh", "git+ssh", "ssh+git"}
        if ":" in match["user"] or not ssh:
            return True
    return False
