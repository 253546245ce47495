"""What a session has used of this machine and could miss on another: looked up here, before anything moves."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from agent.blocks import AnyBlock
from agent.durable import read_model
from agent.errors import RecordDamaged
from agent.events import Frozen
from agent.footprint import Footprint, Touched, read_footprint
from agent.mcp import McpServers, ProjectServers, list_project_servers, list_servers
from agent.paths import config_dir, data_dir, state_dir
from agent.profiles import Profile
from agent.reception import RunnerRecord
from agent.sessions import SessionDir
from remote.children import Child, list_children
from remote.tools import Program, find_here

LARGEST_CARRIED = 1 << 20
"""Bytes of a file outside the tree that may be carried."""
_LOGINS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".pgpass", ".my.cnf", ".git-credentials",
    ".npmrc", ".pypirc", ".password-store", ".config/gcloud", ".config/gh", ".config/op", ".cargo/credentials",
    ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".terraform.d", ".vault-token",
)  # fmt: skip
"""Below HOME: logins are the host's own."""


class Outside(Frozen):
    """A file or folder outside the tree that the agent used. ``size`` in bytes, 0 for a folder; ``carriable`` says
    that it could come along: a small plain file below HOME, without a login."""

    path: str
    written: bool = False
    folder: bool = False
    readable: bool = True
    size: int = 0
    carriable: bool = False


class Stock(Frozen):
    """``programs`` are outside the tree, ``own_programs`` paths relative to it; ``variables`` are set here.

    ``filters`` are programs that git runs for files of the tree.
    """

    programs: tuple[Program, ...] = ()
    filters: tuple[Program, ...] = ()
    own_programs: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    outside: tuple[Outside, ...] = ()
    mcp: McpServers = McpServers()
    project_mcp: tuple[ProjectServers, ...] = ()
    children: tuple[Child, ...] = ()


def take_stock(session: SessionDir, profile: Profile, blocks: Iterable[AnyBlock]) -> Stock:
    """Look up what the tool calls among ``blocks`` used. Takes a second or so: programs are asked for their versions.

    Nothing outside is read; of variables and processes only names are taken.
    """
    tree, home = Path(session.info.project), Path(session.info.home)
    used = read_footprint(blocks, str(tree), str(home))
    runner = _runner_pid(session)
    environ = _environment(runner)
    elsewhere, own = _sort_programs(used, tree, home)
    return Stock(
        programs=find_here(elsewhere, environ.get("PATH")),
        own_programs=tuple(name for name in own if os.access(tree / name, os.X_OK)),
        variables=tuple(name for name in used.variables if name in environ),
        outside=tuple(_look_outside(used.outside, tree, home, profile)),
        mcp=list_servers(profile, home, str(tree)),
        project_mcp=list_project_servers(profile, tree),
        children=list_children(runner, tree),
    )


def _sort_programs(used: Footprint, tree: Path, home: Path) -> tuple[list[str], list[str]]:
    """Programs outside the tree, by name or absolute path; and those in it, by relative path."""
    elsewhere: dict[str, None] = {}
    own: dict[str, None] = {}
    for name in used.programs:
        if "/" not in name:
            elsewhere[name] = None
            continue
        path = Path(os.path.normpath(tree / (f"{home}{name[1:]}" if name.startswith("~/") else name)))
        if path.is_relative_to(tree):
            own[str(path.relative_to(tree))] = None
        else:
            elsewhere[str(path)] = None
    return list(elsewhere), list(own)


def _runner_pid(session: SessionDir) -> int | None:
    try:
        return read_model(session.path / "runner.json", RunnerRecord).pid
    except RecordDamaged:
        return None


def _environment(runner: int | None) -> Mapping[str, str]:
    """The variables that the agent was started with, as far as they can be seen: else those of this process."""
    try:
        return psutil.Process(runner).environ() if runner is not None else os.environ
    except psutil.Error:
        return os.environ


def _look_outside(touched: Iterable[Touched], tree: Path, home: Path, profile: Profile) -> Iterator[Outside]:
    """What is still there of ``touched``; folders that hold the tree, and castoff's own, are passed over."""
    own = (state_dir(), config_dir(), data_dir())
    for each in touched:
        path = Path(each.path)
        if path == home or tree.is_relative_to(path) or any(path.is_relative_to(place) for place in own):
            continue
        try:
            record = path.lstat()
        except OSError:
            # What is gone, or never was, cannot be missed.
            continue
        if path == Path("/tmp") or not (stat.S_ISREG(record.st_mode) or stat.S_ISDIR(record.st_mode)):
            continue
        readable = os.access(path, os.R_OK)
        yield Outside(
            path=each.path,
            written=each.written,
            folder=stat.S_ISDIR(record.st_mode),
            readable=readable,
            size=record.st_size if stat.S_ISREG(record.st_mode) else 0,
            carriable=readable and _is_carriable(path, record, home, profile),
        )


def _is_carriable(path: Path, record: os.stat_result, home: Path, profile: Profile) -> bool:
    if not stat.S_ISREG(record.st_mode) or record.st_size > LARGEST_CARRIED or not path.is_relative_to(home):
        return False
    name = path.relative_to(home)
    if any(name.is_relative_to(login) for login in _LOGINS) or any(name.match(glob) for glob in profile.config_files):
        return False
    return path.resolve() == home.resolve() / name
