"""A first ``.castoff.toml`` for a project, from what lies in its folder and, for a monorepo, two levels below.

Nothing in it runs and nothing is sent.
"""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.events import Frozen
from agent.sanitise import clean
from agent.setup import SetupCommand
from remote.project import is_variable
from snapshot.listing import list_paths
from snapshot.refusal import Kept
from snapshot.survey import survey

# Of each group the first whose file is there: they all make the same folder.
_RECIPES: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("uv.lock", "uv sync --locked"),
        ("poetry.lock", "poetry install"),
        ("pdm.lock", "pdm sync"),
        ("Pipfile.lock", "pipenv sync --dev"),
        ("requirements.txt", "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
    ),
    (
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn install --frozen-lockfile"),
        ("bun.lock", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm ci"),
    ),
    (("Cargo.lock", "cargo fetch --locked"),),
    (("go.sum", "go mod download"),),
    (("Gemfile.lock", "bundle install"),),
    (("composer.lock", "composer install"),),
    (("mix.lock", "mix deps.get"),),
)
_LOCKS = frozenset(file for group in _RECIPES for file, _ in group) - {"requirements.txt"}
"""What makes a folder below the project's own one to set up: a plain list of packages may be there for anything."""
_DEEPEST = 2
_MOST_FOLDERS = 12
_FOLDER = re.compile(r"[\w.@+=,][\w.@+=, -]*(?:/[\w.@+=,][\w.@+=, -]*)*")
"""Folders whose names mean nothing to a shell, and nothing in a pattern."""
_ASIDE = re.compile(
    r"\..*|(?:test|fixture|example|sample|template)s?|testdata|vendor|third[_-]party|node_modules|__tests__"
)
"""Folders whose lock files belong to something else than the project's own work."""
_ENVIRONMENT_FILE = re.compile(r"\.env(\..+)?|\.envrc")
_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)
_LARGEST = 64 * 1024
_SHOWN = 12


class Draft(Frozen):
    """What was found: commands for the lock files, ignored files that hold settings, the names in them, what stays.

    ``more_folders`` have lock files too; they are more than commands are written for.
    """

    setup: tuple[SetupCommand, ...] = ()
    settings_files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    stays: tuple[Kept, ...] = ()
    more_folders: tuple[str, ...] = ()


def find_draft(tree: Path) -> Draft:
    """Look at the folder; raises `snapshot.errors.SnapshotError` where there is none, or git fails."""
    stays = survey(tree).stays
    folders = _find_folders(tree)
    looked_at = ("", *folders[:_MOST_FOLDERS])
    files = [file for folder in looked_at for file in _find_settings(tree, folder)]
    names = [name for file in files for name in _read_names(tree / file)]
    return Draft(
        setup=tuple(command for folder in looked_at for command in _find_setup(tree, folder)),
        settings_files=tuple(files),
        variables=tuple(sorted({name for name in names if is_variable(name)})),
        stays=tuple(each for each in stays if each.why == "ignored by git"),
        more_folders=folders[_MOST_FOLDERS:],
    )


def write_draft(draft: Draft, hosts: Sequence[str] = ()) -> str:
    """The file's text; ``hosts`` are the names that a default could have."""
    parts = [_HEAD, *_write_setup(draft), *_write_include(draft), _EXCLUDE, *_write_env(draft), _write_rest(hosts)]
    return "\n".join(parts)


def _holds_settings(path: Path) -> bool:
    return _ENVIRONMENT_FILE.fullmatch(path.name) is not None and path.name.isprintable() and path.is_file()


def _find_folders(tree: Path) -> tuple[str, ...]:
    """The folders at most two levels below with lock files that travel, sorted."""
    found = set[str]()
    for path in list_paths(tree):
        folder, _, name = path.rpartition("/")
        above = folder.split("/")
        if folder and name in _LOCKS and len(above) <= _DEEPEST and not any(_ASIDE.fullmatch(each) for each in above):
            found |= {folder} if _FOLDER.fullmatch(folder) else set()
    return tuple(sorted(found))


def _find_settings(tree: Path, folder: str) -> list[str]:
    """The files with settings in ``folder``, "" for the project's own, by their paths in the project."""
    names = sorted(path.name for path in (tree / folder).iterdir() if _holds_settings(path))
    return [_join(folder, name) for name in names]


def _find_setup(tree: Path, folder: str) -> Iterator[SetupCommand]:
    for group in _RECIPES:
        wanted = [(file, command) for file, command in group if not folder or file in _LOCKS]
        file, command = next(((f, c) for f, c in wanted if (tree / folder / f).is_file()), ("", ""))
        if file:
            there = f"cd {shlex.quote(folder)} && " if folder else ""
            yield SetupCommand(run=there + command, files=(_join(folder, file),))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _read_names(path: Path) -> list[str]:
    """The names of the variables that a file sets; nothing of their values."""
    try:
        with path.open("rb") as file:
            return _ASSIGNMENT.findall(file.read(_LARGEST).decode(errors="replace"))
    except OSError:
        return []


def _write_setup(draft: Draft) -> list[str]:
    lines = [
        "# Commands that run on the host when a session has arrived, in its sandbox, before the agent goes on. They",
        "# run again when one of `files` has changed. What they make stays on the host for the session's next stay.",
    ]
    if draft.more_folders:
        shown = ", ".join(draft.more_folders[:_SHOWN])
        more = f" and {len(draft.more_folders) - _SHOWN} more" if len(draft.more_folders) > _SHOWN else ""
        lines.append(f"# Lock files are in these folders, too: {shown}{more}")
    if not draft.setup:
        return [*lines, '# setup = [{ run = "make deps", files = ["deps.lock"] }]', ""]
    lines.append("setup = [")
    for each in draft.setup:
        files = ", ".join(_quote(file) for file in each.files)
        lines.append(f"    {{ run = {_quote(each.run)}, files = [{files}] }},")
    return [*lines, "]", ""]


def _write_include(draft: Draft) -> list[str]:
    lines = ["# Files that git ignores and that shall travel all the same: patterns as in .gitignore."]
    if draft.settings_files:
        names = ", ".join(_quote(file) for file in draft.settings_files)
        lines += [
            "# These may hold passwords and keys, which would then lie on the host where the agent can read them:",
            f"# include = [{names}]",
        ]
    else:
        lines.append('# include = ["fixtures/*.bin"]')
    if draft.stays:
        lines.append("# What git ignores now, and so stays here:")
        lines += [f"#   {_describe(each)}" for each in draft.stays[:_SHOWN]]
        if len(draft.stays) > _SHOWN:
            lines.append(f"#   and {len(draft.stays) - _SHOWN} more kinds of files")
    return [*lines, ""]


def _write_env(draft: Draft) -> list[str]:
    lines = ["# Names of variables whose values go along from where castoff is started. Never write values here."]
    names = draft.variables[:_SHOWN]
    example = ", ".join(_quote(name) for name in names) if names else '"DATABASE_URL"'
    return [*lines, f"# env = [{example}]", ""]


def _write_rest(hosts: Sequence[str]) -> str:
    host = _quote(hosts[0]) if hosts else '"vm"'
    return f"# Where `castoff handoff` goes without --host.\n# host = {host}\n\n{_BUDGET}"


def _describe(kept: Kept) -> str:
    files = f"{kept.files:,} file{'' if kept.files == 1 else 's'}"
    return f"{clean(kept.what, single_line=True)}  {files}, {kept.size / 1e6:,.1f} MB"


def _quote(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


_HEAD = """\
# What castoff takes along when a session of this project is cast off to a host.
# `castoff handoff` shows all of it before anything moves. After a change: castoff allow
"""
_EXCLUDE = """\
# What shall not travel although git does not ignore it. Files that git tracks always travel.
# exclude = ["scratch/"]
"""
_BUDGET = """\
# Limits of a run that nothing else is said about.
# [budget]
# max_usd = 5.0
# max_turns = 50
# max_minutes = 240
"""
