"""Which files of a tree its repository's settings here make git read as settings or run as programs."""

import os
import shlex
from pathlib import Path

from snapshot.git import git
from snapshot.repository import has_repository, own_directories

_FILES = ("include.path", "core.attributesfile", "core.hookspath", "core.fsmonitor", "init.templatedir")
_COMMANDS = (
    *("core.sshcommand", "core.pager", "core.editor", "core.askpass", "core.gitproxy", "sequence.editor"),
    *("diff.external", "gpg.program", "interactive.difffilter", "credential.helper"),
)
_OF_EACH = {
    "filter": ("clean", "smudge", "process"),
    "diff": ("command", "textconv"),
    "merge": ("driver",),
    "mergetool": ("cmd",),
    "difftool": ("cmd",),
}
_EACH = ("pager", "alias")


def find_obeyed(tree: Path) -> frozenset[str]:
    """Paths in ``tree`` (files, or folders of hooks) that the settings in force here name. Raises `GitFailed`."""
    if not has_repository(tree):
        return frozenset()
    out = git("config", "--list", "--null", "--includes", tree=tree).out
    starts = (tree, tree / ".git", *(directory.at for directory in own_directories(tree)))
    found: set[str] = set()
    for item in out.split(b"\0"):
        key, _, value = os.fsdecode(item).partition("\n")
        words = _find_words(key.lower(), value)
        # Relative to the tree for programs, to the settings' own folder for includes.
        named = {path for word in words for start in starts for path in _inside(tree, start, word)}
        # A folder among a command's words is what it works on; only hooks are a folder that is obeyed.
        found |= {path for path in named if key.lower() == "core.hookspath" or not (tree / path).is_dir()}
    return frozenset(found)


def _find_words(key: str, value: str) -> list[str]:
    """What of a setting's value may be a path that git obeys."""
    section, _, rest = key.partition(".")
    if section == "alias" and not value.startswith("!"):
        return []
    if key in _FILES or section == "includeif":
        return [value]
    if not (key in _COMMANDS or section in _EACH or rest.rpartition(".")[2] in _OF_EACH.get(section, ())):
        return []
    try:
        return shlex.split(value.removeprefix("!"))
    except ValueError:
        return value.split()


def _inside(tree: Path, start: Path, word: str) -> set[str]:
    if word in {"", "true", "false"} or word.startswith("-"):
        return set()
    path = os.path.normpath(os.path.join(start, os.path.expanduser(word)))  # noqa: PTH118, PTH111 - a word may be anything
    inside = os.path.relpath(path, tree)
    return set() if inside == "." or inside.startswith("..") or inside.split("/")[0] == ".git" else {inside}
