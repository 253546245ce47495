"""Executable configuration: files that a tool runs or obeys without being asked, so that a change is looked at first.

The list is that of hooks, build and test set-up, editors and agents which start something by themselves.
"""

import json
import re
import tomllib
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from snapshot.changes import Change
from snapshot.manifest import Entry, Frozen

_FOLDERS = {
    ".git": "git obeys it",
    ".github": "the forge runs it",
    ".gitlab": "the forge runs it",
    ".gitea": "the forge runs it",
    ".forgejo": "the forge runs it",
    ".circleci": "the forge runs it",
    ".buildkite": "the forge runs it",
    ".woodpecker": "the forge runs it",
    ".githooks": "git runs it",
    ".husky": "git runs it",
    ".claude": "an agent obeys it",
    ".codex": "an agent obeys it",
    ".gemini": "an agent obeys it",
    ".qwen": "an agent obeys it",
    ".opencode": "an agent obeys it",
    ".vibe": "an agent obeys it",
    ".cursor": "an editor obeys it",
    ".vscode": "an editor obeys it",
    ".idea": "an editor obeys it",
    ".zed": "an editor obeys it",
    ".devcontainer": "an editor runs it",
    ".cargo": "cargo obeys it",
    ".mvn": "Maven obeys it",
}
_NAMES = {
    ".mcp.json": "an agent starts its programs",
    ".castoff.toml": "castoff obeys it",
    ".envrc": "direnv runs it",
    ".pre-commit-config.yaml": "git runs it",
    "lefthook.yml": "git runs it",
    "lefthook.yaml": "git runs it",
    ".travis.yml": "the forge runs it",
    "azure-pipelines.yml": "the forge runs it",
    "bitbucket-pipelines.yml": "the forge runs it",
    "jenkinsfile": "the forge runs it",
    "makefile": "make runs it",
    "gnumakefile": "make runs it",
    "justfile": "just runs it",
    "taskfile.yml": "task runs it",
    "rakefile": "rake runs it",
    "conftest.py": "pytest runs it",
    "setup.py": "an installation runs it",
    "build.rs": "cargo runs it",
    "noxfile.py": "nox runs it",
    "tox.ini": "tox runs it",
    ".npmrc": "npm obeys it",
    ".yarnrc.yml": "yarn obeys it",
    "sitecustomize.py": "every Python runs it",
    "usercustomize.py": "every Python runs it",
    "compose.yaml": "docker runs it",
    "compose.yml": "docker runs it",
    "docker-compose.yaml": "docker runs it",
    "docker-compose.yml": "docker runs it",
    "build.gradle": "Gradle runs it",
    "build.gradle.kts": "Gradle runs it",
    "settings.gradle": "Gradle runs it",
    "settings.gradle.kts": "Gradle runs it",
}
_PATTERNS = (
    (re.compile(r"^\.git"), "git or a forge obeys it"),
    (re.compile(r"^(dockerfile|containerfile)([.\-].*)?$"), "docker runs it"),
    (re.compile(r"\.dockerfile$"), "docker runs it"),
    (re.compile(r"\.pth$"), "every Python runs it"),
    (re.compile(r"\.mk$"), "make runs it"),
    (re.compile(r"\.code-workspace$"), "an editor obeys it"),
)
_OF_REPOSITORIES = frozenset({"config", "config.worktree", "commondir", "gitdir"})
"""What a bare repository is told by what to do."""
_LARGEST = 1 << 20

Read = Callable[[Entry], bytes | None]
"""The bytes of a file, None if they are not known."""


class Executable(Frozen):
    """A change to executable configuration and why it is one, in words that go on after the path."""

    change: Change
    why: str


def find_executables(
    changes: Sequence[Change],
    read_left: Read,
    read_run: Read,
    *,
    repositories: Collection[str] = frozenset(),
    obeyed: Collection[str] = frozenset(),
) -> tuple[Executable, ...]:
    """Those of ``changes`` that put executable configuration in place; deletions are none.

    ``repositories`` are folders with a ``HEAD``, which git may take for bare repositories, ``obeyed`` the paths that
    git's settings here name.
    """
    found = (
        (change, _why_here(change, repositories, obeyed) or _why(change, read_left, read_run)) for change in changes
    )
    return tuple(Executable(change=change, why=why) for change, why in found if why)


def explain_paths(changed: Sequence[tuple[str, str, int, int]]) -> dict[str, str]:
    """Why each of the changed paths counts, for those that do: a path, its change, git's mode before and after.

    Where what is in the file would have to be known, it counts.
    """
    found = {path: _why(_change_of(*each), _unread, _unread) for each in changed if (path := each[0])}
    return {path: why for path, why in found.items() if why}


def _change_of(path: str, change: str, before: int, after: int) -> Change:
    kind: Literal["added", "modified", "deleted"] = "added" if change == "added" else "modified"
    now = None if change == "deleted" else _entry_of(path, after or 0o100644)
    return Change(path=path, change=kind, before=_entry_of(path, before) if before else None, after=now)


def _entry_of(path: str, mode: int) -> Entry:
    return Entry(path=path, type="file", mode=mode & 0o777, size=0, mtime_ns=0, digest="0" * 64)


def _unread(_: Entry) -> None:
    return None


def _why_here(change: Change, repositories: Collection[str], obeyed: Collection[str]) -> str:
    """Why a change counts where others would not, by what else is there."""
    if change.after is None or change.after.type == "dir":
        return ""
    folder, _, name = change.path.rpartition("/")
    if name.casefold() == "head" or (name.casefold() in _OF_REPOSITORIES and folder in repositories):
        return "git takes its folder for a repository"
    path = f"{change.path.casefold()}/"
    named = (f"{each.casefold()}/" for each in obeyed)
    # At it, below it; or above it, where a link takes the folder's place.
    return "git's settings here name it" if any(path.startswith(n) or n.startswith(path) for n in named) else ""


def _why(change: Change, read_left: Read, read_run: Read) -> str:
    before, after = change.before, change.after
    if after is None or after.type == "dir":
        return ""
    *folders, name = change.path.casefold().split("/")
    for folder in folders:
        if folder in _FOLDERS:
            return _FOLDERS[folder]
        if folder == "hooks" or folder.startswith(".git"):
            return "git may run it"
    if name in _NAMES or name in _FOLDERS:
        return _NAMES.get(name) or _FOLDERS[name]
    if name in _PARTS and not _same_part(name, before, after, read_left, read_run):
        return "its scripts or build steps changed"
    why = next((why for pattern, why in _PATTERNS if pattern.search(name)), "")
    return why or _newly_executable(before, after)


def _newly_executable(before: Entry | None, after: Entry) -> str:
    if after.type != "file" or not after.mode & 0o111:
        return ""
    was = before is not None and before.type == "file" and before.mode & 0o111
    return "" if was else "it can be run as a program now"


def _same_part(name: str, before: Entry | None, after: Entry, read_left: Read, read_run: Read) -> bool:
    """Whether what a tool runs of a settings file is as it was; what cannot be read counts as changed."""
    if before is None:
        return _part(name, after, read_run) == {}
    parts = _part(name, before, read_left), _part(name, after, read_run)
    return None not in parts and parts[0] == parts[1]


def _part(name: str, entry: Entry, read: Read) -> object:
    if entry.type != "file" or entry.size > _LARGEST or (data := read(entry)) is None:
        return None
    try:
        return _PARTS[name](data.decode())
    except (ValueError, RecursionError, AttributeError):
        return None


def _package_scripts(text: str) -> object:
    package = json.loads(text)
    parts = ("scripts", "bin", "husky", "lint-staged", "pre-commit", "gypfile", "workspaces")
    return {part: package[part] for part in parts if package.get(part)}


def _build_steps(text: str) -> object:
    project = tomllib.loads(text)
    found = {"build-system": project.get("build-system"), **_tool_steps(project.get("tool", {}))}
    return {name: value for name, value in found.items() if value}


def _tool_steps(tools: dict[str, dict[str, object]]) -> dict[str, object]:
    whole = {name: tools[name] for name in ("poe", "taskipy", "pytest") if name in tools}
    steps = {
        f"{name}.{step}": tool[step]
        for name, tool in tools.items()
        for step in ("build", "cmdclass", "envs", "hooks", "scripts", "version")
        if step in tool and name not in whole
    }
    return {**whole, **steps}


_PARTS: dict[str, Callable[[str], object]] = {"package.json": _package_scripts, "pyproject.toml": _build_steps}
