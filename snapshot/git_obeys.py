"""Which files of a tree its repository's settings here make git read as settings or run as programs."""

import os
import shlex
from pathlib import Path

from snapshot.git import git
from snapshot.repository import has_repository

_FILES = ("include.path", "core.attributesfile", "core.hookspath", "core.fsmonitor", "init.templatedir")
_COMMANDS = (
    *("core.sshcommand", "core.pager", "core.editor", "core.askpass", "core.gitproxy", "sequence.editor"),
    *("diff.external", "gpg.program", "interactive.difffilter", "credential.helper"),
)
_OF_EACH = {
    "includeif": ("path",),
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
    found: set[str] = set()
    for item in out.split(b"\0"):
        key, _, value = os.fsdecode(item).partition("\n")
        if _is_of_interest(key.lower()):
            for word in (value, *_words(value)):
                # Relative to the tree for programs, to the settings' own folder for includes.
                for start in (tree, tree / ".git"):
                    found |= _inside(tree, start, word)
    return frozenset(found)


def _is_of_interest(key: str) -> bool:
    section, _, rest = key.partition(".")
    last = rest.rpartition(".")[2]
    return key in _FILES or key in _COMMANDS or section in _EACH or last in _OF_EACH.get(section, ())


def _words(value: str) -> list[str]:
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
