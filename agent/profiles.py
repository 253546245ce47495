"""Agent profiles: what castoff knows of each agent, read from TOML files.

Shipped ones lie in ``agent/profiles/``, the user's own in ``agents/`` of the settings directory; a user's
file replaces a shipped one of the same name.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from agent.errors import ProfileError
from agent.events import Policy
from agent.paths import config_dir
from agent.taking_up import SETTLE_SECONDS, Manner

_SHIPPED = Path(__file__).parent / "profiles"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}|[{}]")
_LAUNCH_PLACEHOLDERS = frozenset({"{python}", "{agents}"})
_SESSION = "{session}"
IN_TREE = "{tree}/"
"""How a file of the session's project begins in `Profile.mcp`."""

Usage = Literal["none", "context", "call", "turn", "process", "session"]
"""What an agent's numbers count: nothing, only the context gauge, one call of its model (told in the middle of a turn),
this turn, since its process began, the session."""

_Words = tuple[Annotated[str, Field(min_length=1)], ...]


class Service(BaseModel):
    """A model service whose key can stay outside a sandbox: the variable ``key`` holds the key, ``variable`` moves the
    service from its own ``address``, and each request carries the key in ``header``, as ``value`` with ``{key}``."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    address: Annotated[str, Field(pattern=r"^https://[^@]+$")]
    form: Annotated[str, Field(pattern=r"\{address\}")] = "{address}"
    """What ``variable`` holds then. Where that is more than the address, what the user set it to is left alone."""
    header: Annotated[str, Field(pattern=r"^[A-Za-z-]+$")] = "Authorization"
    value: Annotated[str, Field(pattern=r"\{key\}")] = "Bearer {key}"


class Listed(BaseModel):
    """Where an agent's own settings list services: a ``file`` below HOME (``.toml``, else JSON), the keys that lead to
    the table or list of ``entries``, and those that lead in each entry to its ``address``, and to the name of the
    variable that holds its ``key``, which is written as ``form``."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    file: str
    entries: Annotated[_Words, Field(min_length=1)]
    address: Annotated[_Words, Field(min_length=1)]
    key: Annotated[_Words, Field(min_length=1)]
    form: Annotated[str, Field(pattern=r"\{name\}")] = "{name}"

    @field_validator("file")
    @classmethod
    def _check_file(cls, file: str) -> str:
        _check_relative(file)
        return file


class Profile(BaseModel):
    """One agent. Globs are relative to HOME; ``{sid}`` stands for the agent's own session id, ``{sid8}`` for its first
    eight characters, ``{session}`` for our id.

    ``launch`` is the command line; its first word is looked up by `agent.programs.find_agent`.
    ``{python}`` is our interpreter, ``{agents}`` castoff's own directory of agents.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    title: Annotated[str, Field(min_length=1)]
    launch: Annotated[_Words, Field(min_length=1)]
    find: _Words = ()
    """Globs, relative to castoff's own directory of agents, where the program is looked for before PATH."""
    interpreter: _Words = ()
    """Globs, relative to the same directory, of what runs a program found there: a node of the agent's own. Where none
    of them is, the program is started by itself."""
    version_hint: str = ""
    """The version that this profile was measured with; ``""`` where it is castoff's own."""
    session_files: Annotated[_Words, Field(min_length=1)]
    """What travels besides the tree: the agent's own record of the session. With ``{session}`` for an agent that keeps
    all its sessions in one file, and is given another one for each by ``env``."""
    needed_files: _Words = ()
    """What that record cannot be read without, and other sessions share: it goes to a host, and never comes home."""
    config_files: _Words = ()
    """What a host copies from its own user's HOME into the run's HOME; never taken from the laptop."""
    login_command: _Words = ()
    """What logs the agent in, in a terminal on a host: ``castoff host login``."""
    login_files: _Words = ()
    """Where its login is kept, once there is one."""
    mcp: tuple[Annotated[_Words, Field(min_length=2)], ...] = ()
    """Where the agent's settings list its MCP servers: a file (``.toml``, else JSON), and the keys that lead to them.
    Files are relative to HOME, or in the session's project when they begin with ``{tree}/``; the key ``{tree}`` stands
    for the project's path. Without any, what ``agent/mcp.toml`` knows of the agent of this name."""
    network: _Words = ()
    """Where the agent itself has to connect to, as `remote.egress` reads it: on the list of every run of it."""
    services: tuple[Service, ...] = ()
    """Its model services with a key; each is reached only where its key is set."""
    listed: tuple[Listed, ...] = ()
    """Where its settings list further ones."""
    unset: _Words = ()
    """Variables that would move the agent's files out of HOME; they are not passed on."""
    env: Mapping[str, str] = {}
    """Variables that the agent always gets, whatever else they are set to; `variables` fills in ``{session}``."""
    resume: Annotated[tuple[Literal["resume", "load"], ...], Field(min_length=1)]
    """How a session is taken up again, best first."""
    quirk: Literal["", "gemini-recordings"] = ""
    """What `agent.quirks` does to its session files before they are taken up again."""
    replays: bool = True
    """Whether it replays a session when it loads one, as ACP wants: one that replays nothing is not believed."""
    lists: bool = True
    """Whether a session that it resumed is among those that it lists, where it lists sessions: else it is not
    believed."""
    settle: Annotated[float, Field(ge=0, le=60)] = SETTLE_SECONDS
    """For how many seconds either is waited for."""
    ends_on_eof: bool = True
    """Whether the agent ends when its input does; else it is sent SIGTERM at once."""
    modes: Mapping[Policy, str] = {}
    """The agent's mode id for each of our policies, where it has modes."""
    mode_needs: Mapping[str, Policy] = {}
    """What each of the agent's modes allows without asking, as the tightest of our policies that allows as much. A mode
    that is not named here cannot be chosen."""
    usage: Usage
    """What its numbers of tokens count, and its cost, if ``cost`` does not say something else."""
    cost: Usage | None = None
    login: str = ""
    """The sentence that says how it gets its login."""
    megabytes: Annotated[int, Field(ge=0)] = 0
    """What its installation takes on disk, about; 0: nobody measured it."""
    install: Annotated[str, Field(min_length=1)]
    """The sentence that says how to install it; the command in it, after a colon, is what the tests run."""

    def variables(self, session: str) -> dict[str, str]:
        """``env`` for the session whose id is ``session``."""
        return {name: value.replace(_SESSION, session) for name, value in self.env.items()}

    @property
    def manner(self) -> Manner:
        """By what it shows that it took a session up."""
        return Manner(replays=self.replays, lists=self.lists, settle=self.settle)

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("use up to 32 lower-case letters, digits and dashes, a letter first")
        return name

    @field_validator("launch", "install")
    @classmethod
    def _check_placeholders(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        _refuse_placeholders((value,) if isinstance(value, str) else value, _LAUNCH_PLACEHOLDERS)
        return value

    @field_validator("env")
    @classmethod
    def _check_env(cls, env: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in env.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise ValueError(f"{name!r} cannot be a variable")
        return env

    @field_validator("mcp")
    @classmethod
    def _check_mcp(cls, places: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for place, *keys in places:
            file = place.removeprefix(IN_TREE)
            _check_relative(file)
            _refuse_placeholders((file,), frozenset())
            _refuse_placeholders(tuple(keys), frozenset({"{tree}"}))
        return places

    @field_validator("find", "interpreter", "session_files", "needed_files", "config_files", "login_files")
    @classmethod
    def _check_globs(cls, globs: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = frozenset({"{sid}", "{sid8}", _SESSION} if info.field_name == "session_files" else ())
        _refuse_placeholders(globs, known)
        for glob in globs:
            path = _check_relative(glob)
            if not path.parts or re.search(r"[*?\[]", path.parts[0]):
                raise ValueError(f"{glob!r} must begin with a name, not with a wildcard")
        return globs


def _check_relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} must be relative and may not hold '..'")
    return path


def load_profile(name: str, directory: Path | None = None) -> Profile:
    """The profile called ``name``, the user's own (``directory``, by default ``agents/`` of the settings) first.

    Raises `ProfileError` if there is none, or naming file and key if it is not valid.
    """
    for path in _candidates(name, directory):
        if path.is_file():
            return _read(path)
    known = ", ".join(sorted(_files(directory)))
    raise ProfileError(f"There is no agent profile {name!r}.", f"Known agents: {known}.", code="profile-unknown")


def list_names(directory: Path | None = None) -> tuple[str, ...]:
    """The names of all profiles, the user's own included; whether they are valid shows when one is read."""
    return tuple(sorted(name for name in _files(directory) if _NAME.fullmatch(name)))


def list_profiles(directory: Path | None = None) -> tuple[Profile, ...]:
    """All profiles by name, the user's own included; raises `ProfileError` for the first file that is not valid."""
    files = _files(directory)
    return tuple(_read(files[name]) for name in sorted(files))


def _candidates(name: str, directory: Path | None) -> tuple[Path, ...]:
    """Where a profile called ``name`` may lie; nowhere if no profile can be called so."""
    if not _NAME.fullmatch(name):
        return ()
    return tuple(place / f"{name}.toml" for place in (_own(directory), _SHIPPED))


def _own(directory: Path | None) -> Path:
    return directory if directory is not None else config_dir() / "agents"


def _files(directory: Path | None) -> dict[str, Path]:
    """Profile files by name, the user's own winning."""
    return {path.stem: path for place in (_SHIPPED, _own(directory)) for path in place.glob("*.toml")}


def _read(path: Path) -> Profile:
    """Parse and check one file."""
    way_out = f"Correct the file, or move it away: {path}"
    try:
        profile = Profile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise ProfileError(f"Agent profile {path}: {key}: {_plain(first['msg'])}.", way_out) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"Agent profile {path} cannot be read: {error}.", way_out) from error
    if profile.name != path.stem:
        raise ProfileError(f"Agent profile {path}: name: must be {path.stem!r} like the file's name.", way_out)
    return profile


def _plain(message: str) -> str:
    """Pydantic's message as the rest of a sentence."""
    message = message.removeprefix("Value error, ").replace("tuple", "list").rstrip(".")
    return message[:1].lower() + message[1:]


def _refuse_placeholders(words: tuple[str, ...], known: frozenset[str]) -> None:
    for word in words:
        for found in _PLACEHOLDER.findall(word):
            if found not in known:
                allowed = ", ".join(sorted(known)) or "none"
                raise ValueError(f"{word!r} holds {found!r}; placeholders that may stand here: {allowed}")
