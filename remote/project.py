"""The settings of a project: ``.castoff.toml`` in its folder, and ``project.toml`` in castoff's settings directory.

The project's own file wins field by field. It may come from somebody else, so what it asks for is agreed to once
(`remote.agreement`), and it is read strictly: a name that is not known is an error, because a rule that does not
hold may send what should stay.
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, cast, get_args

from blake3 import blake3
from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator

from agent.deeds import Deed, Rules
from agent.events import Budget, Frozen
from agent.paths import config_dir
from agent.setup import SetupCommand
from agent.watch import Watch
from remote.egress import parse_entry, parse_network
from remote.errors import ProjectFileInvalid
from remote.levels import Need
from remote.loosening import find_loosened
from snapshot.selection import Selection, check_pattern

NAME = ".castoff.toml"
USER_NAME = "project.toml"

_LARGEST = 64 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KINDS = {
    "missing": "this has to be there",
    "literal_error": "this is none of the words that can stand here",
    "tuple_type": 'write a list: ["…"]',
    "string_type": "write text in quotes",
    "model_type": "write a table",
    "float_type": "write a number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
}
_OWN_VARIABLES = re.compile(r"HOME|PATH|PWD|USER|LOGNAME|SHELL|TMPDIR|LD_.*|DYLD_.*|CASTOFF_.*")
"""They say where a command is and what it loads: on the host that is the sandbox's business."""


class Limits(Budget):
    """A budget as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _check_limit(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value < float("inf"):
            raise ValueError("a limit is a number above 0")
        return value


class Watching(Watch):
    """What runs are watched by, as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleTable(Frozen):
    """Classes of action that are asked for, and that are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask: tuple[Deed, ...] = ()
    deny: tuple[Deed, ...] = ()

    @property
    def rules(self) -> Rules:
        """As an agent's driver takes them."""
        return Rules(ask=self.ask, deny=self.deny)

    def __or__(self, other: "RuleTable") -> "RuleTable":
        """As strict as either."""
        return RuleTable.model_validate((self.rules | other.rules).model_dump())


class PolicyTables(Frozen):
    """What is asked for or refused while somebody sits in front of a session, and while it is away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attended: RuleTable = RuleTable()
    unattended: RuleTable = RuleTable()

    def __or__(self, other: "PolicyTables") -> "PolicyTables":
        """As strict as either."""
        return PolicyTables(attended=self.attended | other.attended, unattended=self.unattended | other.unattended)


class Command(SetupCommand):
    """A setup command as the file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("run")
    @classmethod
    def _check_run(cls, run: str) -> str:
        if not run.strip() or "\0" in run:
            raise ValueError("a command is a line of text")
        return run.strip()

    @field_validator("files", mode="before")
    @classmethod
    def _check_files(cls, files: object) -> object:
        for file in _texts(files):
            if file.startswith(("/", "~")) or ".." in file.split("/") or "\0" in file:
                raise ValueError(f"{file!r} is not a file of the project")
        return _as_tuple(files)


class NetworkSettings(Frozen):
    """Where runs at level ``full`` may connect to, beside what castoff finds itself: `remote.egress.Egress`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()

    @field_validator("allow", "private", mode="before")
    @classmethod
    def _check_entries(cls, entries: object, info: ValidationInfo) -> object:
        for entry in _texts(entries):
            parse_entry(entry) if info.field_name == "allow" else parse_network(entry)
        return _as_tuple(entries)


class ProjectSettings(Frozen):
    """What one file says, or both together; ``None`` and empty are what counts where nothing is said.

    ``include`` and ``exclude`` are patterns as in ``.gitignore``, ``env`` names of variables whose values go along.
    ``sandbox`` is the level that a run needs, whatever the host's own setting is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    setup: tuple[Command, ...] = ()
    host: str = ""
    sandbox: Need = "auto"
    network: NetworkSettings = NetworkSettings()
    budget: Limits = Limits()
    watch: Watching = Watching()
    policy: PolicyTables = PolicyTables()

    @field_validator("include", "exclude", mode="before")
    @classmethod
    def _check_patterns(cls, patterns: object) -> object:
        for pattern in _texts(patterns):
            if why := check_pattern(pattern):
                raise ValueError(f"{pattern!r} {why}")
        return _as_tuple(patterns)

    @field_validator("env", mode="before")
    @classmethod
    def _check_names(cls, names: object) -> object:
        for name in _texts(names):
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a variable; values have no place in this file")
            if _OWN_VARIABLES.fullmatch(name):
                raise ValueError(f"{name} is set on the host by castoff itself")
        return _as_tuple(names)

    @field_validator("setup", mode="before")
    @classmethod
    def _read_setup(cls, commands: object) -> object:
        plain = _as_tuple(commands)
        if not isinstance(plain, tuple):
            return plain
        given = cast(tuple[object, ...], plain)
        return tuple({"run": command} if isinstance(command, str) else command for command in given)


class Project(Frozen):
    """What counts for a tree. ``asks`` is what its own file alone asks for, ``digest`` is that file's, or empty."""

    settings: ProjectSettings = ProjectSettings()
    asks: ProjectSettings = ProjectSettings()
    digest: str = ""
    loosens: tuple[str, ...] = ()
    """What of the watch the project's own file makes laxer, by its names in ``[watch]``."""

    def selection(self, *, leave: tuple[str, ...] = ()) -> Selection:
        """What of the tree travels, but for the exact paths in ``leave``."""
        return Selection(include=self.settings.include, exclude=self.settings.exclude, leave=leave)


def is_variable(name: str) -> bool:
    """Whether ``name`` may stand in ``env``."""
    return _VARIABLE.fullmatch(name) is not None and _OWN_VARIABLES.fullmatch(name) is None


def read_project(tree: Path) -> Project:
    """The settings that count for ``tree``; raises `ProjectFileInvalid`."""
    user, _ = _read(config_dir() / USER_NAME)
    own, data = _read(tree / NAME)
    said = {name: getattr(own, name) for name in own.model_fields_set - {"budget", "watch", "policy"}}
    # A limit of the user's own holds until the project's file names that very limit.
    limits = user.budget.model_dump(exclude_unset=True) | own.budget.model_dump(exclude_unset=True)
    watch = user.watch.model_dump(exclude_unset=True) | own.watch.model_dump(exclude_unset=True)
    merged = {"budget": Limits.model_validate(limits), "watch": Watching.model_validate(watch)}
    # A project's own file takes nothing away from the user's rules.
    settings = user.model_copy(update={**said, **merged, "policy": user.policy | own.policy})
    loosens = find_loosened(user.watch, settings.watch)
    digest = blake3(data).hexdigest() if data is not None else ""
    return Project(settings=settings, asks=own, digest=digest, loosens=loosens)


def read_attended_rules(tree: Path) -> Rules:
    """What sessions of ``tree`` are to ask for here; for everything where the settings cannot be read."""
    try:
        return read_project(tree).settings.policy.attended.rules
    except ProjectFileInvalid:
        return Rules(ask=get_args(Deed))


def parse_settings(text: str, shown: str) -> ProjectSettings:
    """The settings in ``text``, which errors call ``shown``; raises `ProjectFileInvalid` with line and key."""
    try:
        return ProjectSettings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(shown, str(error)) from error
    except ValidationError as error:
        # A misspelt name says more than that the name it should have been is missing.
        first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
        raise _invalid(shown, _explain(text, first["loc"], first["type"], str(first["msg"]))) from error


def _read(path: Path) -> tuple[ProjectSettings, bytes | None]:
    """The settings in one file and its bytes, `None` if there is none."""
    try:
        if not path.is_file():
            if path.is_symlink() or path.exists():
                raise _invalid(str(path), "it is not a file")
            return ProjectSettings(), None
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise _invalid(str(path), f"it is larger than {_LARGEST // 1024} KiB")
        return parse_settings(data.decode(), str(path)), data
    except OSError as error:
        raise _invalid(str(path), f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise _invalid(str(path), "it is not UTF-8") from error


def _explain(text: str, where: tuple[int | str, ...], kind: str, message: str) -> str:
    """What is wrong, with its line and key."""
    keys = [key for key in where if isinstance(key, str)]
    place = f"line {_find_line(text, keys)}, {'.'.join(keys)}"
    if kind == "extra_forbidden":
        known = _known(keys[:-1])
        close = difflib.get_close_matches(keys[-1], known, n=1)
        hint = f"it may be {close[0]!r}" if close else f"the names are {', '.join(known)}"
        return f"{place}: this name is not known; {hint}"
    return f"{place}: {_KINDS.get(kind) or message.removeprefix('Value error, ')}"


def _known(above: list[str]) -> list[str]:
    match above[:1]:
        case ["budget"]:
            return list(Limits.model_fields)
        case ["watch"]:
            return list(Watching.model_fields)
        case ["policy"]:
            return list(RuleTable.model_fields if above[1:] else PolicyTables.model_fields)
        case ["setup"]:
            return list(Command.model_fields)
        case ["network"]:
            return list(NetworkSettings.model_fields)
        case _:
            return list(ProjectSettings.model_fields)


def _find_line(text: str, keys: list[str]) -> int:
    """The line that names the last of ``keys`` below the first, as nearly as text without a parser can say."""
    rows = text.splitlines()
    line = 0
    for key in keys:
        name = re.compile(rf"""(?:^|[\[{{,.\s])["']?{re.escape(key)}["']?\s*[\].=]""")
        line = next((number for number in range(line, len(rows)) if name.search(rows[number])), line)
    return line + 1


def _invalid(shown: str, what: str) -> ProjectFileInvalid:
    return ProjectFileInvalid(
        f"{shown} cannot be used: {what.rstrip('.')}.", "Correct it; docs/settings.md has all names."
    )


def _texts(value: object) -> list[str]:
    """The texts in a list; what else there may be is left to the types to complain of."""
    return [each for each in cast(list[Any], value) if isinstance(each, str)] if isinstance(value, list) else []


def _as_tuple(value: object) -> object:
    return tuple(cast(list[object], value)) if isinstance(value, list) else value
